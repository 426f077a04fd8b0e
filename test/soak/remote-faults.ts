/**
 * Thousands of faults between Holdfast and the servers that hold repositories, as test/faults/remote-faults.test.ts has a few: resets, stalls,
 * servers that are busy, downloads that are cut short or wrong, requests that arrive twice, clocks and lists that are behind.
 *
 * Run: `script/soak test/soak/remote-faults.ts`; HOLDFAST_SOAK_STEPS says how many faults (10000 unless told), HOLDFAST_SOAK_PLACES on which
 * servers (`rest,serve,sftp,s3` unless told; all at once), HOLDFAST_TEST_SEED repeats a run.
 */
import { hasCeph } from '../support/ceph-gateway.ts';
import { chooseSeed } from '../support/generated-tree.ts';
import { requirePeer } from '../support/peers.ts';
import { RemoteFaults } from '../support/remote-faults.ts';
import { RemotePlace } from '../support/remote-places.ts';
import { requireSsh } from '../support/ssh-server.ts';
import { soak } from '../support/soak.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Then a new repository, so that what is saved and copied stays small. */
const stepsPerRepository = 40;
const report = (line: string): void => console.log(line);
const skipping = { skip: (line?: string): void => report(String(line)) };

const starts: Readonly<Record<string, () => Promise<RemotePlace> | undefined>> = {
  rest: () => {
    const server = requirePeer(skipping, 'rest-server');
    return server === undefined ? undefined : RemotePlace.rest(server.path);
  },
  serve: () => RemotePlace.serve(),
  sftp: () => (requireSsh(skipping) === true ? RemotePlace.sftp() : undefined),
  s3: () => (hasCeph() ? RemotePlace.s3() : undefined),
};

await soak(async (t) => {
  const peer = requirePeer(skipping, 'newest restic');
  if (peer === undefined) return;
  let most = Number(process.env['HOLDFAST_SOAK_STEPS'] ?? 10_000);
  // The step that is under way is finished: servers are not left behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void (most = 0));
  const seed = chooseSeed(report);
  const names = (process.env['HOLDFAST_SOAK_PLACES'] ?? Object.keys(starts).join(',')).split(',');
  await using stack = new AsyncDisposableStack();
  const places: RemotePlace[] = [];
  for (const name of names) {
    const place = await starts[name]?.();
    if (place === undefined) report(`${name}: not on this machine`);
    else places.push(stack.use(place));
  }
  const counts: Record<string, number> = {};
  let fired = 0;
  const live = async (place: RemotePlace): Promise<void> => {
    for (let round = 0; fired < most; round++) {
      const life = await RemoteFaults.create({ place, peer, folder: temporaryFolder(t), seed: seed + round, report });
      for (let step = 0; step < stepsPerRepository && fired < most; step++) {
        const before = life.firedCount;
        await life.takeStep();
        fired += life.firedCount - before;
      }
      for (const [name, count] of Object.entries(life.counts)) {
        const counted = `${place.name} ${name}`;
        counts[counted] = (counts[counted] ?? 0) + count;
      }
    }
  };
  await Promise.all(places.map(live));
  report(`${fired} faults: ${JSON.stringify(counts)}`);
});
