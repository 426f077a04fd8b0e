import { describe, it, type TestContext } from 'node:test';
import { requireCeph } from '../support/ceph-gateway.ts';
import { requirePeer } from '../support/peers.ts';
import { RemoteFaults } from '../support/remote-faults.ts';
import { RemotePlace } from '../support/remote-places.ts';
import { requireSsh } from '../support/ssh-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** script/soak goes through thousands, with another seed in each run. */
const steps = 4;
const seed = Number(process.env['HOLDFAST_TEST_SEED'] ?? 20_261_121);

async function live(t: TestContext, start: () => Promise<RemotePlace>): Promise<void> {
  const peer = requirePeer(t, 'newest restic');
  if (peer === undefined) return;
  const report = (line: string): void => t.diagnostic(line);
  await using place = await start();
  const life = await RemoteFaults.create({ place, peer, folder: temporaryFolder(t), seed, report });
  report(`seed ${seed} (HOLDFAST_TEST_SEED repeats it)`);
  for (let step = 0; step < steps; step++) await life.takeStep();
  report(`${life.firedCount} faults, ${JSON.stringify(life.counts)}`);
}

describe('a repository that is reached over a bad line', { concurrency: true }, () => {
  it('on a REST server stays whole: commands end well or say why not', async (t) => {
    const server = requirePeer(t, 'rest-server');
    if (server !== undefined) await live(t, () => RemotePlace.rest(server.path));
  });

  it("on Holdfast's own server stays whole: commands end well or say why not", async (t) => {
    await live(t, () => RemotePlace.serve());
  });

  it('on an SSH server stays whole: commands end well or say why not', async (t) => {
    if (requireSsh(t) === true) await live(t, () => RemotePlace.sftp());
  });

  it('in a bucket stays whole: commands end well or say why not', async (t) => {
    if (requireCeph(t)) await live(t, () => RemotePlace.s3());
  });
});
