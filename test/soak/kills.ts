/**
 * Kills backups at hundreds of random moments, as test/faults/kill.test.ts does at a dozen. A round takes some two seconds.
 *
 * Run: `script/soak test/soak/kills.ts`; HOLDFAST_SOAK_ROUNDS says how many (300 unless told), HOLDFAST_TEST_SEED repeats a run.
 */
import { chooseSeed } from '../support/generated-tree.ts';
import { killLoop } from '../support/kill-loop.ts';
import { requirePeer } from '../support/peers.ts';
import { SharedRepository } from '../support/shared-repository.ts';
import { soak } from '../support/soak.ts';

/** A new repository after so many rounds: each leaves packs that no index knows, and check looks at all of them. */
const roundsPerRepository = 50;

await soak(async (t) => {
  const report = (line: string): void => console.log(line);
  const rounds = Number(process.env['HOLDFAST_SOAK_ROUNDS'] ?? 300);
  const peer = requirePeer({ skip: (line) => report(String(line)) }, 'newest restic');
  if (peer === undefined) return;
  const seed = chooseSeed(report);
  const total: Record<string, number> = {};
  for (let done = 0; done < rounds; done += roundsPerRepository) {
    const shared = await SharedRepository.create(t, peer);
    const part = Math.min(roundsPerRepository, rounds - done);
    const counts = await killLoop(shared, { seed: seed + done, rounds: part, roundsPerRestore: 10, report });
    for (const [outcome, count] of Object.entries(counts)) total[outcome] = (total[outcome] ?? 0) + count;
  }
  report(`${rounds} kills, by the latest step that was reached: ${JSON.stringify(total)}`);
});
