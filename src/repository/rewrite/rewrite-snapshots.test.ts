import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DyingBackend } from '../../../test/support/dying-backend.ts';
import { check, emptyRepository } from '../../../test/support/planted-check.ts';
import { directoryNode, fileNode, type PlantedRepository } from '../../../test/support/planted-repository.ts';
import { allSnapshots, namesOf, opened } from '../../../test/support/repairable-repository.ts';
import { displayName } from '../../format/go-quote.ts';
import { compileRestoreSelection, type RestoreSelection } from '../../workers/restore/selection.ts';
import type { Repository } from '../repository.ts';
import type { PathSelectionOptions } from './path-selection.ts';
import { type RewriteSnapshotsOptions, rewriteSnapshots, type SnapshotRewriting } from './rewrite-snapshots.ts';

const usual = { forgets: true, isDryRun: false, addsSummary: false };

function selectionOf(patterns: RestoreSelection): PathSelectionOptions {
  const select = compileRestoreSelection(patterns) ?? assert.fail('nothing is selected');
  return { select, isInclude: (patterns.includes ?? []).length > 0 };
}

/** /one and /two are the same directory: a file `secret`, and one `plain`. */
async function plantTwins(): Promise<PlantedRepository> {
  const planted = await emptyRepository();
  const data = planted.blob('data', 'there');
  const folder = planted.tree([fileNode('plain', [data.id], 5), fileNode('secret', [data.id], 5)]);
  const root = planted.tree([directoryNode('one', folder.id), directoryNode('two', folder.id)]);
  await planted.index([await planted.pack([data]), await planted.pack([folder, root])]);
  await planted.snapshot(root.id);
  return planted;
}

async function rewrite(repository: Repository, options: Partial<RewriteSnapshotsOptions>): Promise<SnapshotRewriting> {
  return await rewriteSnapshots(repository, await allSnapshots(repository), { ...usual, ...options });
}

/** All paths of the only snapshot. */
async function paths(planted: PlantedRepository): Promise<string[]> {
  const repository = await opened(planted);
  const [snapshot] = await allSnapshots(repository);
  const found: string[] = [];
  for (const { name, subtree } of await repository.loadTree(snapshot?.tree ?? ('' as never))) {
    const inner = subtree === undefined ? [] : await repository.loadTree(subtree);
    found.push(...(inner.length === 0 ? [displayName(name)] : inner.map((node) => `${displayName(name)}/${displayName(node.name)}`)));
  }
  return found;
}

describe('rewriting of snapshots', () => {
  it('treats the same directory at two paths by what the patterns say of each', async () => {
    const planted = await plantTwins();
    assert.deepEqual(await rewrite(await opened(planted), { selection: selectionOf({ excludes: ['/one/secret'] }) }), {
      rewrittenCount: 1,
      unchangedCount: 0,
    });
    assert.deepEqual(await paths(planted), ['one/plain', 'two/plain', 'two/secret']);
    assert.equal((await check(planted)).errorCount, 0);
  });

  it('counts the files that stay, each as often as it is there', async () => {
    const planted = await plantTwins();
    await rewrite(await opened(planted), { selection: selectionOf({ excludes: ['secret'] }) });
    const [snapshot] = await allSnapshots(await opened(planted));
    assert.deepEqual([snapshot?.summary?.totalFilesProcessed, snapshot?.summary?.totalBytesProcessed], [2, 10]);
  });

  it('with an include leaves out directories in which nothing is selected', async () => {
    const planted = await plantTwins();
    await rewrite(await opened(planted), { selection: selectionOf({ includes: ['/two/plain'] }) });
    assert.deepEqual(await paths(planted), ['two/plain']);
  });

  it('leaves a snapshot alone in which an include selects nothing', async () => {
    const planted = await plantTwins();
    const reasons: string[] = [];
    const onUnchanged = (_snapshot: unknown, reason: string): void => void reasons.push(reason);
    await rewrite(await opened(planted), { selection: selectionOf({ includes: ['/three'] }), onUnchanged });
    assert.deepEqual([reasons, (await paths(planted)).length], [['empty'], 4]);
  });

  it('changes the record alone where that is all that is asked for, and not where it says so already', async () => {
    const planted = await plantTwins();
    const change = { newHost: 'other', newTime: '2020-01-02T03:04:05Z' };
    assert.equal((await rewrite(await opened(planted), change)).rewrittenCount, 1);
    const [snapshot] = await allSnapshots(await opened(planted));
    assert.deepEqual([snapshot?.hostname, snapshot?.time, snapshot?.summary], ['other', change.newTime, undefined]);
    assert.equal((await rewrite(await opened(planted), change)).unchangedCount, 1);
  });

  it('fails on a snapshot of which a directory cannot be read, and changes nothing', async () => {
    const planted = await emptyRepository();
    const root = planted.tree([directoryNode('lost', 'ab'.repeat(32) as never), fileNode('secret', [], 0)]);
    await planted.index([await planted.pack([root])]);
    await planted.snapshot(root.id);
    const work = rewrite(await opened(planted), { selection: selectionOf({ excludes: ['secret'] }) });
    await assert.rejects(work, { code: 'not-found' });
    assert.deepEqual([(await namesOf(planted.backend, 'snapshot')).length, (await namesOf(planted.backend, 'pack')).length], [1, 1]);
  });

  it('can be killed after any step and taken up again', async () => {
    let steps = 0;
    for (let isFinished = false; !isFinished; steps++) {
      const planted = await plantTwins();
      const dying = new DyingBackend(planted.backend, steps);
      const selection = selectionOf({ excludes: ['secret'] });
      isFinished = await rewrite(await opened(planted, dying), { selection }).then(
        () => true,
        () => false,
      );
      assert.equal(isFinished, !dying.hasDied);
      assert.equal((await check(planted)).errorCount, 0, `after ${steps} steps`);
      await rewrite(await opened(planted), { selection });
      assert.deepEqual([await paths(planted), (await namesOf(planted.backend, 'snapshot')).length], [['one/plain', 'two/plain'], 1]);
    }
    assert.ok(steps > 4, `${steps} steps: pack, index, snapshot, old snapshot`);
  });
});
