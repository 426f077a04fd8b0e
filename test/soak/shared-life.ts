/**
 * Several hosts back up, forget and prune in one repository at once, with clocks that are hours apart, and some are killed at any moment;
 * as test/faults/shared-life.test.ts does for a few steps. A step takes some five seconds.
 *
 * Run: `script/soak test/soak/shared-life.ts`; HOLDFAST_SOAK_STEPS says how many (2000 unless told), HOLDFAST_TEST_SEED repeats a run.
 */
import { chooseSeed } from '../support/generated-tree.ts';
import { requirePeer } from '../support/peers.ts';
import { SharedLife } from '../support/shared-life.ts';
import { SharedRepository } from '../support/shared-repository.ts';
import { soak } from '../support/soak.ts';

await soak(async (t) => {
  const report = (line: string): void => console.log(line);
  const peer = requirePeer({ skip: (line) => report(String(line)) }, 'newest restic');
  if (peer === undefined) return;
  const steps = Number(process.env['HOLDFAST_SOAK_STEPS'] ?? 2000);
  const shared = await SharedRepository.create(t, peer);
  const outcomes = await SharedLife.run(shared, { seed: chooseSeed(report), steps, report });
  report(`${steps} steps, outcomes by exit code: ${JSON.stringify(outcomes)}`);
});
