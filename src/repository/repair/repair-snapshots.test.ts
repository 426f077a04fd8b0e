import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DyingBackend } from '../../../test/support/dying-backend.ts';
import { check, emptyRepository, missingId, plantTree } from '../../../test/support/planted-check.ts';
import { directoryNode, fileNode, type PlantedRepository } from '../../../test/support/planted-repository.ts';
import { allSnapshots, namesOf, opened } from '../../../test/support/repairable-repository.ts';
import type { TreeNode } from '../../format/node.ts';
import { displayPath } from '../tree/tree-path.ts';
import type { Loss } from './loss.ts';
import { listLosses, type RepairSnapshotsOptions, repairSnapshots, type SnapshotRepair } from './repair-snapshots.ts';

const forgetting = { forgets: true, isDryRun: false };
const keeping = { forgets: false, isDryRun: false };

async function repair(planted: PlantedRepository, options: RepairSnapshotsOptions): Promise<SnapshotRepair & { losses: string[] }> {
  const repository = await opened(planted);
  const losses: string[] = [];
  const onLoss = ({ kind, path, lostBlobs, blobCount }: Loss): void => {
    losses.push([kind, displayPath(path), ...(blobCount === undefined ? [] : [`${lostBlobs}/${blobCount}`])].join(' '));
  };
  return { ...(await repairSnapshots(repository, await allSnapshots(repository), { ...options, onLoss })), losses };
}

/** A file of which one of two pieces is lost, one that is whole, and one that says a wrong size. */
async function plantLosses(): Promise<PlantedRepository> {
  const planted = await emptyRepository();
  const data = planted.blob('data', 'there');
  const folder = planted.tree([
    fileNode('half', [data.id, missingId], 9),
    fileNode('whole', [data.id], 5),
    fileNode('wrong', [data.id], 7),
  ]);
  const root = planted.tree([directoryNode('folder', folder.id), directoryNode('gone', missingId)]);
  await planted.index([await planted.pack([data]), await planted.pack([folder, root])]);
  await planted.snapshot(root.id);
  return planted;
}

describe('repair snapshots', () => {
  it('leaves out what is lost, and names each of it', async () => {
    const planted = await plantLosses();
    const { losses, ...counts } = await repair(planted, forgetting);
    assert.deepEqual(counts, { wholeCount: 0, repairedCount: 1, hopelessCount: 0 });
    assert.deepEqual(losses, ['file-content /folder/half 1/2', 'size /folder/wrong', 'directory /gone']);
    const report = await check(planted);
    assert.deepEqual([report.errors, report.warnings], [[], []]);
    const repository = await opened(planted);
    const [snapshot] = await allSnapshots(repository);
    const [folder, gone] = await repository.loadTree(snapshot?.tree ?? missingId);
    const files = await repository.loadTree(folder?.subtree ?? missingId);
    assert.deepEqual(
      files.map(({ size, content }) => [size, content?.length]),
      [
        [5, 1],
        [5, 1],
        [5, 1],
      ],
    );
    assert.deepEqual(await repository.loadTree(gone?.subtree ?? missingId), []);
  });

  it('keeps the damaged snapshot unless told otherwise, and tags the repaired one', async () => {
    const planted = await plantLosses();
    const [before] = await namesOf(planted.backend, 'snapshot');
    await repair(planted, keeping);
    const snapshots = await allSnapshots(await opened(planted));
    const repaired = snapshots.find(({ id }) => id !== before);
    assert.deepEqual([snapshots.length, repaired?.tags, repaired?.original, repaired?.paths], [2, ['repaired'], before, ['/x']]);
  });

  it('makes no second snapshot of what a run before it has repaired, and then removes the damaged one', async () => {
    const planted = await plantLosses();
    await repair(planted, keeping);
    await repair(planted, keeping);
    assert.equal((await namesOf(planted.backend, 'snapshot')).length, 2);
    await repair(planted, forgetting);
    assert.equal((await namesOf(planted.backend, 'snapshot')).length, 1);
    assert.equal((await check(planted)).errorCount, 0);
  });

  it('changes nothing on a dry run, and names the same losses', async () => {
    const planted = await plantLosses();
    const kinds = ['pack', 'index', 'snapshot'] as const;
    const before = await Promise.all(kinds.map((kind) => namesOf(planted.backend, kind)));
    const dry = await repair(planted, { forgets: true, isDryRun: true });
    assert.deepEqual(await Promise.all(kinds.map((kind) => namesOf(planted.backend, kind))), before);
    assert.deepEqual(await repair(planted, forgetting), dry);
  });

  it('names what is lost for every snapshot that has it', async () => {
    const planted = await plantLosses();
    const [first] = await allSnapshots(await opened(planted));
    await planted.snapshot(first?.tree ?? missingId);
    const repository = await opened(planted);
    const losses: Loss[] = [];
    await listLosses(repository, await allSnapshots(repository), { onLoss: (loss) => losses.push(loss) });
    assert.deepEqual([losses.length, new Set(losses.map(({ snapshot }) => snapshot)).size], [6, 2]);
  });

  it('finds nothing to do in whole snapshots', async () => {
    const planted = await plantTree([fileNode('x', [], 0)]);
    assert.deepEqual(await repair(planted, forgetting), { wholeCount: 1, repairedCount: 0, hopelessCount: 0, losses: [] });
  });

  it('removes a snapshot whose root is lost only when the old ones go', async () => {
    const planted = await emptyRepository();
    await planted.snapshot(missingId);
    const kept = await repair(planted, keeping);
    assert.deepEqual([kept.hopelessCount, kept.losses, (await namesOf(planted.backend, 'snapshot')).length], [1, ['root /'], 1]);
    await repair(planted, forgetting);
    assert.deepEqual(await namesOf(planted.backend, 'snapshot'), []);
  });

  it('leaves out entries that nothing can restore', async () => {
    const odd = [
      { ...fileNode('odd', [], 0), type: 'irregular', content: null },
      { ...fileNode('null', [], 0), content: null },
    ] as TreeNode[];
    const planted = await plantTree([fileNode('a', [], 0), ...odd.reverse()]);
    assert.deepEqual((await repair(planted, forgetting)).losses, ['entry /odd']);
    assert.equal((await check(planted)).errorCount, 0);
  });

  it('refuses to begin while the index names packs that are gone: what was in them would pass for whole', async () => {
    const planted = await plantLosses();
    const [pack = ''] = await namesOf(planted.backend, 'pack');
    await planted.backend.remove({ kind: 'pack', name: pack });
    await assert.rejects(repair(planted, forgetting), { code: 'damaged', message: new RegExp(pack, 'u') });
    assert.equal((await namesOf(planted.backend, 'snapshot')).length, 1);
  });

  it('has at every step of a run that is killed the old snapshot or the new one', async () => {
    let steps = 0;
    for (let isFinished = false; !isFinished; steps++) {
      const planted = await plantLosses();
      const dying = new DyingBackend(planted.backend, steps);
      const repository = await opened(planted, dying);
      const work = repairSnapshots(repository, await allSnapshots(repository), forgetting);
      isFinished = await work.then(
        () => true,
        () => false,
      );
      assert.equal(isFinished, !dying.hasDied);
      const between = await allSnapshots(await opened(planted));
      for (const { tree } of between) assert.ok(await (await opened(planted)).loadTree(tree), `after ${steps} steps`);
      assert.ok(between.length >= 1);
      await repair(planted, forgetting);
      assert.deepEqual(
        [(await check(planted)).errorCount, (await namesOf(planted.backend, 'snapshot')).length],
        [0, 1],
        `after ${steps} steps`,
      );
    }
    assert.ok(steps > 4, `${steps} steps: pack, index, snapshot, old snapshot`);
  });
});
