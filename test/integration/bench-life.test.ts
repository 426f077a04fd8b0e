/** The group `life` of script/bench: its tree is the same in every run, and it works from end to end. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { Repository } from '../../src/repository/repository.ts';
import { contestant, password } from '../bench/contestants.ts';
import { ChangingTree } from '../bench/life/changing-tree.ts';
import { measureLife } from '../bench/life/measure-life.ts';
import { listTree } from '../bench/listing.ts';
import type { Measurement } from '../bench/measurement.ts';
import { quickScrypt } from '../support/new-repository.ts';
import { requireCommand, requirePeer } from '../support/peers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

it('the changing tree changes in the same way in every run', (t) => {
  const changed = [temporaryFolder(t), temporaryFolder(t)].map((folder) => {
    const tree = new ChangingTree(join(folder, 'tree'), 0.005);
    tree.create();
    const first = filesOf(folder);
    for (let step = 1; step <= 6; step++) tree.change();
    return { first, last: filesOf(folder) };
  });
  assert.deepEqual(changed[0], changed[1]);
  const { first = [], last = [] } = changed[0] ?? {};
  const kept = first.filter((line) => last.includes(line)).length;
  assert.ok(kept > 150 && first.length - kept > 6 && last.length - kept > 6, `${first.length} ${kept} ${last.length}`);
});

/** Without folders, whose times are those of the run. */
function filesOf(folder: string): string[] {
  return listTree(folder).filter((line) => / 100[0-7]{3} /u.test(line));
}

/** Opening what `init` makes takes half a second, which some twenty programs would do here. */
async function createRepository(path: string): Promise<void> {
  await using _ = await Repository.create(new LocalBackend({ path }), { password, scryptCost: quickScrypt });
}

it('a tiny run over many snapshots measures both programs and verifies what they did', async (t) => {
  const restic = requirePeer(t, 'newest restic');
  if (restic === undefined || !requireCommand(t, '/usr/bin/time')) return;
  const place = { name: 'memory', folder: temporaryFolder(t), fileSystem: 'any', rounds: 1 } as const;
  const contestants = [contestant('restic', restic.path), contestant('holdfast', join(root, 'bin/holdfast'))];
  const notes: string[] = [];
  const measurements: Measurement[] = [];
  await measureLife({ place, names: ['many-snapshots'], scale: 0.002, contestants, createRepository, notes, measurements, corpora: [] });
  const of = (contestant: string) => measurements.filter((one) => one.contestant === contestant).map(({ operation }) => operation);
  assert.deepEqual(of('restic'), ['snapshots-json', 'snapshots-table', 'forget']);
  assert.deepEqual(of('holdfast'), of('restic'));
});
