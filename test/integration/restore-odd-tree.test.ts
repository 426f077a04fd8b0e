import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { compareTrees } from '../support/compare-trees.ts';
import { buildOddTree } from '../support/odd-tree.ts';
import { requirePeer } from '../support/peers.ts';
import { RestoreSetting, restoreInto } from '../support/restore-setting.ts';
import { SharedRepository } from '../support/shared-repository.ts';

/** As restic, a backup leaves sockets out. */
function differences(source: string, target: string): string[] {
  return compareTrees(source, target).filter((line) => line !== 'odd/special/socket: only in the first');
}

describe('a folder with every kind of node', { concurrency: 2 }, () => {
  it('is restored as it was', async (t) => {
    const setting = await RestoreSetting.create(t);
    buildOddTree(join(setting.source, 'odd'));
    const tree = await setting.backUp();
    const { summary, failures, warnings } = await setting.restore(tree, { verifies: true });
    assert.deepEqual([failures, warnings], [[], []]);
    assert.deepEqual(differences(setting.source, setting.target), []);
    assert.equal(summary.filesRestored, summary.totalFiles);
    assert.equal(summary.bytesRestored, summary.totalBytes);
  });

  it('is restored over itself without writing content', async (t) => {
    const setting = await RestoreSetting.create(t);
    buildOddTree(join(setting.source, 'odd'));
    const tree = await setting.backUp();
    await setting.restore(tree);
    const { summary, failures } = await setting.restore(tree);
    assert.deepEqual(failures, []);
    assert.equal(summary.bytesRestored, 0);
    assert.ok(summary.bytesSkipped > 0);
    assert.deepEqual(differences(setting.source, setting.target), []);
  });

  it('is restored the same from a storage that is not on this machine', async (t) => {
    const setting = await RestoreSetting.create(t);
    buildOddTree(join(setting.source, 'odd'));
    const tree = await setting.backUp();
    const { failures } = await restoreInto(await setting.openRemotely(), tree, setting.target);
    assert.deepEqual(failures, []);
    assert.deepEqual(differences(setting.source, setting.target), []);
  });

  it('is restored as it was when restic saved it, and as restic restores it', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const shared = await SharedRepository.createByRestic(t, peer);
    const source = join(shared.folder, 'source');
    mkdirSync(source);
    buildOddTree(join(source, 'odd'));
    const { lines } = await shared.restic(['backup', '--json', 'source'], { cwd: shared.folder });
    const id = String(lines.at(-1)?.['snapshot_id']);
    const ours = join(shared.folder, 'ours');
    await using repository = await shared.open();
    const { failures } = await restoreInto(repository, (await shared.readSnapshot(id)).tree, ours, { subfolder: '/source' });
    assert.deepEqual(failures, []);
    const theirs = join(shared.folder, 'theirs');
    await shared.restic(['restore', '--sparse', `${id}:/source`, '--target', theirs]);
    // First the times of access, which every other comparison changes.
    assert.deepEqual(compareTrees(theirs, ours, { withAccessTimes: true }), []);
    assert.deepEqual(differences(source, ours), []);
  });
});
