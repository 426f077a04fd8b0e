import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { check, kindsOf, missingId, plant, plantTree, rowsOf } from '../../../test/support/planted-check.ts';
import { directoryNode } from '../../../test/support/planted-repository.ts';
import { encodeIndex } from '../../format/index-file.ts';

describe('checkRepository on indexes', () => {
  it('names packs that are missing, and asks to repair the index', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    await planted.snapshot(root.id);
    await planted.backend.remove({ kind: 'pack', name: packs[0]?.id ?? '' });
    const report = await check(planted, { readData: false });
    assert.deepEqual(kindsOf(report), ['pack-missing']);
    assert.deepEqual(report.brokenPacks, [packs[0]?.id]);
    assert.equal(report.suggestRepairIndex, true);
  });

  it('tells blobs that are in no index by the path of the file that needs them', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs.slice(1));
    const snapshot = await planted.snapshot(root.id);
    const report = await check(planted, { readData: false });
    assert.deepEqual(rowsOf(report.errors, 'path', 'snapshot'), [`node /folder/inner ${snapshot}`, `node /text ${snapshot}`]);
    assert.deepEqual(
      report.hints.map((hint) => hint.kind),
      ['pack-unindexed'],
    );
    assert.equal(report.suggestPrune, true);
  });

  it('tells a tree that is in no index, of a snapshot and of a folder', async () => {
    const planted = await plantTree([directoryNode('gone', missingId)]);
    const snapshot = await planted.snapshot(missingId);
    const report = await check(planted);
    assert.deepEqual(rowsOf(report.errors, 'blob', 'path'), [`node ${missingId} /gone`, `tree ${missingId} -`]);
    assert.ok(report.errors.some((problem) => problem.context['snapshot'] === snapshot));
  });

  it('goes on with the other index files when one is wrong in the middle', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    await planted.snapshot(root.id);
    const json = encodeIndex(packs).toString();
    const bad = await planted.unpacked<string>('index', Buffer.from(json.replace(/.{40}$/s, '')));
    const report = await check(planted);
    assert.deepEqual(kindsOf(report), ['index']);
    assert.equal(report.errors[0]?.context['index'], bad);
    assert.deepEqual([report.packCount, report.blobCount, report.hints], [2, 4, []]);
  });

  it('hints at a pack that two indexes have', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    await planted.index(packs.slice(0, 1));
    await planted.snapshot(root.id);
    const report = await check(planted);
    assert.equal(report.errorCount, 0);
    assert.deepEqual(
      report.hints.map((hint) => [hint.kind, hint.context['pack']]),
      [['pack-duplicate', packs[0]?.id]],
    );
    assert.deepEqual([report.packCount, report.blobCount, report.suggestRepairIndex], [2, 4, true]);
  });

  it('takes it for an error when two indexes say different things of a pack', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    await planted.index(packs.slice(0, 1).map((pack) => ({ ...pack, blobs: pack.blobs.slice(0, 1) })));
    await planted.snapshot(root.id);
    assert.deepEqual(kindsOf(await check(planted)), ['pack-layout']);
  });

  it('hints at blobs that are stored twice, and at packs with data and trees', async () => {
    const { planted, packs, root, data } = await plant();
    const again = planted.blob('data', 'x');
    await planted.index([...packs, await planted.pack([again, data, planted.tree([])])]);
    await planted.snapshot(root.id);
    const report = await check(planted);
    assert.equal(report.errorCount, 0);
    assert.deepEqual(report.hints.map((hint) => hint.kind).sort(), ['blob-duplicate', 'pack-mixed']);
    assert.deepEqual([report.blobCount, report.unusedBlobCount, report.suggestPrune], [5, 1, true]);
  });

  it('finds a blob that the index places outside its pack, and reads nothing there', async () => {
    const { planted, packs, root } = await plant();
    const moved = packs.map((pack) => ({ ...pack, blobs: pack.blobs.map((blob) => ({ ...blob, offset: blob.offset + 4_000_000_000 })) }));
    await planted.index(moved);
    await planted.snapshot(root.id);
    const report = await check(planted);
    assert.ok(kindsOf(report).includes('pack-layout') && kindsOf(report).includes('blob') && kindsOf(report).includes('tree'));
  });

  it('takes no memory for lengths that cannot be', async () => {
    const { planted, packs, root } = await plant();
    const huge = packs.map((pack) => ({ ...pack, blobs: pack.blobs.map((blob) => ({ ...blob, uncompressedLength: 4_294_967_295 })) }));
    await planted.index(huge);
    await planted.snapshot(root.id);
    const before = process.memoryUsage.rss();
    const report = await check(planted);
    assert.ok(process.memoryUsage.rss() - before < 256 << 20);
    assert.match(report.errors.find((problem) => problem.kind === 'blob')?.message ?? '', /impossible lengths/);
  });

  it('finds two blobs that the index lets overlap', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs.map((pack) => ({ ...pack, blobs: pack.blobs.map((blob) => ({ ...blob, offset: 0 })) })));
    await planted.snapshot(root.id);
    const report = await check(planted);
    assert.ok(kindsOf(report).includes('pack-layout'));
    assert.match(report.errors.map((problem) => problem.message).join('\n'), /overlaps the blob before it/);
  });
});
