import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DyingBackend } from '../../../test/support/dying-backend.ts';
import { check, emptyRepository, plant } from '../../../test/support/planted-check.ts';
import { directoryNode, fileNode } from '../../../test/support/planted-repository.ts';
import { namesOf, opened } from '../../../test/support/repairable-repository.ts';
import type { HoldfastEvent } from '../../base/events.ts';
import type { Repository } from '../repository.ts';
import { type Recovery, recover, type RecoverOptions } from './recover.ts';

const record = { hostname: 'host', username: 'me', uid: 0, gid: 0, programVersion: 'holdfast test' };

async function run(repository: Repository, options: Partial<RecoverOptions> = {}): Promise<Recovery> {
  return await recover(repository, { record, ...options });
}

describe('recover', () => {
  it('makes a snapshot of the roots that nothing refers to, and of nothing below them', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    const { roots, snapshotId, treeCount } = await run(await opened(planted));
    assert.deepEqual([roots, treeCount], [[root.id], 2]);
    const repository = await opened(planted);
    const snapshot = await repository.snapshots.load(snapshotId ?? ('' as never));
    assert.deepEqual([snapshot.tags, snapshot.paths, snapshot.hostname], [['recovered'], ['/recover'], 'host']);
    const nodes = await repository.loadTree(snapshot.tree);
    assert.deepEqual(
      nodes.map(({ name, type, subtree }) => [name, type, subtree]),
      [[root.id.slice(0, 8), 'dir', root.id]],
    );
    assert.equal((await check(planted)).errorCount, 0);
  });

  it('finds nothing where every tree has a snapshot, and saves none then', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    await planted.snapshot(root.id);
    assert.deepEqual((await run(await opened(planted))).snapshotId, undefined);
    assert.equal((await namesOf(planted.backend, 'snapshot')).length, 1);
  });

  it('finds nothing more after it has run once', async () => {
    const { planted, packs } = await plant();
    await planted.index(packs);
    await run(await opened(planted));
    assert.deepEqual((await run(await opened(planted))).roots, []);
  });

  it('recovers what a snapshot had whose file is damaged', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    const name = await planted.snapshot(root.id);
    const bytes = await planted.backend.load({ kind: 'snapshot', name });
    await planted.backend.remove({ kind: 'snapshot', name });
    await planted.backend.save({ kind: 'snapshot', name }, bytes.subarray(1));
    const events: HoldfastEvent[] = [];
    assert.deepEqual((await run(await opened(planted), { events: (event) => events.push(event) })).roots, [root.id]);
    assert.ok(events.some((event) => event.kind === 'warning' && event.message.includes(name)));
  });

  it('goes on without a tree that cannot be read, and takes what it referred to for roots', async () => {
    const planted = await emptyRepository();
    const inner = planted.tree([fileNode('x', [], 0)]);
    const root = planted.tree([directoryNode('folder', inner.id)]);
    const pack = await planted.pack([root, inner]);
    await planted.index([
      { ...pack, blobs: pack.blobs.map((blob) => (blob.id === root.id ? { ...blob, offset: blob.offset + 1 } : blob)) },
    ]);
    const { roots, unreadableCount } = await run(await opened(planted));
    assert.deepEqual([unreadableCount, roots], [1, [inner.id]]);
  });

  it('warns of packs that no index knows', async () => {
    const { planted, packs } = await plant();
    await planted.index(packs.slice(1));
    const warnings: string[] = [];
    await run(await opened(planted), { events: (event) => event.kind === 'warning' && warnings.push(event.message) });
    assert.deepEqual(warnings, ['1 packs are in no index: run `repair index` before, to recover what is in them too']);
  });

  it('leaves no snapshot that is not whole when it is killed', async () => {
    let steps = 0;
    for (let isFinished = false; !isFinished; steps++) {
      const { planted, packs } = await plant();
      await planted.index(packs);
      const dying = new DyingBackend(planted.backend, steps);
      isFinished = await run(await opened(planted, dying)).then(
        () => true,
        () => false,
      );
      assert.equal(isFinished, !dying.hasDied);
      assert.equal((await check(planted)).errorCount, 0, `after ${steps} steps`);
    }
    assert.ok(steps > 3, `${steps} steps: pack, index, snapshot`);
  });
});
