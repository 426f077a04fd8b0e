import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { snapshotOf, summaryOf } from '../support/holdfast.ts';
import { run } from '../support/peers.ts';
import { buildOddTree } from '../support/odd-tree.ts';
import { assertNothingAdded, assertSameSnapshot } from '../support/same-snapshot.ts';
import { requireTreePeer, SharedRepository } from '../support/shared-repository.ts';
import { sharedSetting } from '../support/shared-setting.ts';

describe('a folder with every kind of node', { concurrency: 2 }, () => {
  it('gives restic nothing to add after Holdfast saved it, and has the same tree id', async (t) => {
    const peer = requireTreePeer(t);
    if (peer === undefined) return;
    const shared = await SharedRepository.create(t, peer);
    buildOddTree(join(shared.folder, 'source'));
    const { tree } = await assertSameSnapshot(shared, ['--force', 'source'], { cwd: shared.folder });
    // With a parent the contents of files come from its trees.
    assert.equal((await assertSameSnapshot(shared, ['source'], { cwd: shared.folder })).tree, tree);
    await shared.check('--read-data');
  });

  it('gives Holdfast nothing to add after restic saved it', async (t) => {
    const peer = requireTreePeer(t);
    if (peer === undefined) return;
    const shared = await SharedRepository.createByRestic(t, peer);
    buildOddTree(join(shared.folder, 'source'));
    const options = { cwd: shared.folder };
    const theirs = await shared.restic(['backup', '--json', 'source'], options);
    const again = await shared.holdfast(['backup', 'source'], options);
    assertNothingAdded(again);
    assert.equal(summaryOf(again)['files_unmodified'], summaryOf(theirs)['files_new']);
    const forced = await shared.holdfast(['backup', '--force', 'source'], options);
    assertNothingAdded(forced);
    assert.equal(summaryOf(forced)['files_new'], summaryOf(theirs)['files_new']);
    const trees = [theirs, again, forced].map(async (result) => (await shared.readSnapshot(snapshotOf(result))).tree);
    assert.equal(new Set(await Promise.all(trees)).size, 1);
  });

  it('has the same tree with access times', async (t) => {
    const peer = requireTreePeer(t);
    if (peer === undefined) return;
    const shared = await SharedRepository.create(t, peer);
    buildOddTree(join(shared.folder, 'source'));
    const options = { cwd: shared.folder };
    const plain = await assertSameSnapshot(shared, ['--force', 'source'], options);
    // restic's own listing of folders and reading of links counts as access: on a mount with relatime the first one alone.
    assert.equal((await run('ls', ['-lR', 'source'], options)).code, 0);
    const { tree } = await assertSameSnapshot(shared, ['--force', '--with-atime', 'source'], options);
    assert.notEqual(tree, plain.tree);
  });
});

describe('the time zone', { concurrency: 2 }, () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/St_Johns',
    'Asia/Kathmandu',
    'Pacific/Apia',
    '',
    ':America/New_York',
    '/usr/share/zoneinfo/Asia/Tokyo',
    'No/Such_Zone',
  ];
  const setting = sharedSetting(async (t) => {
    const peer = requireTreePeer({ skip: () => {} });
    if (peer === undefined) return undefined;
    const shared = await SharedRepository.create(t, peer);
    buildOddTree(join(shared.folder, 'source'));
    return shared;
  });
  for (const zone of zones) {
    it(`${JSON.stringify(zone)} gives the times of nodes the same offsets as in restic`, async (t) => {
      const shared = requireTreePeer(t) === undefined ? undefined : setting();
      if (shared === undefined) return;
      const options = { cwd: shared.folder, env: { TZ: zone } };
      await assertSameSnapshot(shared, ['--force', 'source/times', 'source/links', 'source/folders/empty'], options);
    });
  }
});
