import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { directoryNode, fileNode, PlantedRepository, type SealedBlob, sha256 } from '../../../test/support/planted-repository.ts';
import { systemClock, systemRandomness } from '../../base/clock.ts';
import type { HoldfastEvent } from '../../base/events.ts';
import type { BlobId, PackId } from '../../base/ids.ts';
import { encodeIndex, type IndexedPack } from '../../format/index-file.ts';
import type { TreeNode } from '../../format/node.ts';
import { encodeHeaderEntries } from '../../format/pack-header.ts';
import { MemoryBackend } from '../../storage/memory/memory-backend.ts';
import { saveKeyFile } from '../key-files.ts';
import { sealConfig } from '../repository-config.ts';
import { Snapshots } from '../snapshots.ts';
import { UnpackedFiles } from '../unpacked-files.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { type CheckOptions, checkRepository } from './check-repository.ts';
import type { CheckReport } from './report.ts';

const missingId = 'ab'.repeat(32) as BlobId;

/** A repository that is as it should be: one snapshot, a folder in the root, two files. */
async function plant(): Promise<{ planted: PlantedRepository; packs: IndexedPack[]; root: SealedBlob; data: SealedBlob }> {
  const planted = await emptyRepository();
  const data = planted.blob('data', 'some text that is long enough to be compressed: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
  const other = planted.blob('data', 'x');
  const inner = planted.tree([fileNode('inner', [other.id], 1)]);
  const root = planted.tree([directoryNode('folder', inner.id), fileNode('text', [data.id], 94)]);
  const packs = [await planted.pack([data, other]), await planted.pack([inner, root])];
  return { planted, packs, root, data };
}

async function emptyRepository(): Promise<PlantedRepository> {
  const planted = new PlantedRepository(new MemoryBackend());
  const config = { version: 2, id: 'c'.repeat(64), polynomial: 0x3da3358b4dc173n } as const;
  await planted.backend.save({ kind: 'config', name: '' }, sealConfig(config, planted.key, systemRandomness));
  const cheapest = { N: 2, r: 1, p: 1 };
  await saveKeyFile(planted.backend, planted.key, { password: 'x', scryptCost: cheapest, clock: systemClock, random: systemRandomness });
  return planted;
}

/** A snapshot of one tree that has these nodes; the other blobs lie in a pack of their own. */
async function plantTree(
  nodes: readonly TreeNode[],
  blobs: (planted: PlantedRepository) => SealedBlob[] = () => [],
): Promise<PlantedRepository> {
  const planted = await emptyRepository();
  const root = planted.tree(nodes);
  const packs = [await planted.pack([root])];
  const others = blobs(planted);
  if (others.length > 0) packs.push(await planted.pack(others));
  await planted.index(packs);
  await planted.snapshot(root.id);
  return planted;
}

async function check(planted: PlantedRepository, options: Partial<CheckOptions> = {}): Promise<CheckReport> {
  const { backend, key: masterKey } = planted;
  const files = new UnpackedFiles(backend, new Sealer(masterKey, systemRandomness), 2);
  return await checkRepository(
    { backend, masterKey, files, snapshots: new Snapshots(backend, files) },
    { readData: true, workerCount: 1, ...options },
  );
}

function kindsOf(report: CheckReport): string[] {
  return report.errors.map((problem) => problem.kind);
}

describe('checkRepository', () => {
  it('finds nothing in a repository that is right, and counts what is there', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    await planted.snapshot(root.id);
    const { secondsElapsed, bytesRead, ...report } = await check(planted);
    assert.ok(secondsElapsed > 0 && bytesRead > 0);
    assert.deepEqual(report, {
      errors: [],
      warnings: [],
      hints: [],
      errorCount: 0,
      packCount: 2,
      blobCount: 4,
      snapshotCount: 1,
      treeCount: 2,
      unusedBlobCount: 0,
      unusedBytes: 0,
      brokenPacks: [],
      brokenSnapshots: [],
      suggestRepairIndex: false,
      suggestPrune: false,
    });
  });

  it('reads no pack unless told', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    await planted.snapshot(root.id);
    const report = await check(planted, { readData: false });
    assert.equal(report.bytesRead, 0);
    assert.equal(report.treeCount, 2);
    assert.equal(report.errorCount, 0);
  });

  it('counts blobs that no snapshot uses', async () => {
    const { planted, packs } = await plant();
    await planted.index(packs);
    const report = await check(planted);
    assert.equal(report.unusedBlobCount, 4);
    assert.equal(
      report.unusedBytes,
      packs.flatMap((pack) => pack.blobs).reduce((sum, blob) => sum + blob.length, 0),
    );
    assert.equal(report.errorCount, 0);
  });

  it('says how far it is, with totals when data is read', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    await planted.snapshot(root.id);
    const events: HoldfastEvent[] = [];
    const report = await check(planted, { events: (event) => events.push(event) });
    const last = events.at(-1);
    assert.ok(last?.kind === 'progress');
    assert.deepEqual([last.filesDone, last.filesTotal, last.bytesDone, last.bytesTotal], [2, 2, report.bytesRead, report.bytesRead]);
  });

  it('ends with cancelled when the signal fires', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    await planted.snapshot(root.id);
    await assert.rejects(check(planted, { signal: AbortSignal.abort() }), { code: 'cancelled' });
  });
});

describe('checkRepository on small files', () => {
  const harms = { emptied: () => Buffer.alloc(0), cut: (bytes: Buffer) => bytes.subarray(0, -1), flipped: flipMiddle };
  for (const kind of ['config', 'key', 'snapshot', 'index', 'lock'] as const) {
    for (const [what, harm] of Object.entries(harms)) {
      it(`names a ${kind} file that was ${what}`, async () => {
        const { planted, packs, root } = await plant();
        await planted.index(packs);
        await planted.snapshot(root.id);
        await planted.unpacked(
          'lock',
          Buffer.from('{"time":"2026-11-21T10:00:00Z","exclusive":false,"hostname":"h","username":"u","pid":1}'),
        );
        const [file] = await Array.fromAsync(planted.backend.list(kind));
        assert.ok(file);
        const bytes = await planted.backend.load({ kind, name: file.name });
        await planted.backend.remove({ kind, name: file.name });
        await planted.backend.save({ kind, name: file.name }, harm(bytes));
        const report = await check(planted);
        const found = [...report.errors, ...report.warnings].find((problem) => problem.kind === kind);
        assert.match(
          found?.message ?? '',
          new RegExp(kind === 'config' ? 'the config file is damaged' : `${kind} ${file.name} is damaged`),
        );
        assert.equal(report.errorCount === 0, kind === 'lock');
      });
    }
  }

  it('finds that the config or the last key is gone', async () => {
    for (const kind of ['config', 'key'] as const) {
      const { planted } = await plant();
      for await (const { name } of planted.backend.list(kind)) await planted.backend.remove({ kind, name });
      assert.ok(kindsOf(await check(planted)).includes(kind));
    }
  });
});

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
    assert.deepEqual(report.errors.map(({ kind, context }) => [kind, context['path'], context['snapshot']]).sort(), [
      ['node', '/folder/inner', snapshot],
      ['node', '/text', snapshot],
    ]);
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
    assert.deepEqual(report.errors.map(({ kind, context }) => [kind, context['path'] ?? context['snapshot']]).sort(), [
      ['node', '/gone'],
      ['tree', snapshot],
    ]);
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

describe('checkRepository on packs', () => {
  const cases: Record<string, { plant: (planted: PlantedRepository, blobs: SealedBlob[]) => Promise<IndexedPack>; message: RegExp }> = {
    'a header of other blobs': {
      plant: (planted, blobs) => planted.pack(blobs, { header: encodeHeaderEntries([{ id: missingId, type: 'data', length: 1000 }]) }),
      message: /lists 1 blobs where the index has 2/,
    },
    'a header that is no header': {
      plant: (planted, blobs) => planted.pack(blobs, { header: Buffer.alloc(77, 0xff) }),
      message: /entry of unknown kind/,
    },
    'an absurd length of the header': {
      plant: (planted, blobs) => planted.pack(blobs, { headerLengthField: 0xffff_fff0 }),
      message: /header larger than itself/,
    },
    'no length of the header': {
      plant: (planted, blobs) => planted.pack(blobs, { headerLengthField: 0 }),
      message: /empty header/,
    },
    'a header that would begin within the blobs': {
      plant: (planted, blobs) => planted.pack(blobs, { headerLengthField: 140 }),
      message: /before the last blob ends/,
    },
    'bytes that belong to nothing': {
      plant: (planted, blobs) => planted.pack(blobs, { gap: Buffer.alloc(1000) }),
      message: /1000 bytes before its header that belong to no blob/,
    },
    'more bytes that belong to nothing than a header can have': {
      plant: (planted, blobs) => planted.pack(blobs, { gap: Buffer.alloc(20 << 20) }),
      message: /bytes before its header that belong to no blob/,
    },
  };
  for (const [what, { plant: plantPack, message }] of Object.entries(cases)) {
    it(`finds ${what} although the pack has the right hash`, async () => {
      const planted = await emptyRepository();
      const pack = await plantPack(planted, [planted.blob('data', 'one'), planted.blob('data', 'two')]);
      await planted.index([pack]);
      const report = await check(planted);
      assert.match(report.errors.map((problem) => problem.message).join('\n'), message);
      assert.deepEqual(report.brokenPacks, [pack.id]);
    });
  }

  it('finds a blob that is not what its id says although its MAC is right', async () => {
    const planted = await emptyRepository();
    const wrong = { ...planted.blob('data', 'one'), id: missingId };
    const pack = await planted.pack([planted.blob('data', 'two'), wrong]);
    await planted.index([pack]);
    const report = await check(planted);
    assert.deepEqual(
      report.errors.map(({ kind, context }) => [kind, context['blob']]),
      [['blob', missingId]],
    );
    assert.match(report.errors[0]?.message ?? '', /does not have the SHA-256 that is its id/);
  });

  it('finds a blob that decompresses to more than the index says, without taking memory for it', async () => {
    const planted = await emptyRepository();
    const bomb = planted.blob('data', Buffer.alloc(100 << 20));
    const pack = await planted.pack([{ ...bomb, uncompressedLength: 1000 }]);
    await planted.index([pack]);
    const report = await check(planted);
    assert.deepEqual(kindsOf(report), ['blob']);
    assert.match(report.errors[0]?.message ?? '', /longer than 1000 bytes/);
  });

  it('finds a pack whose name is not the hash of its bytes', async () => {
    const { planted, packs, root } = await plant();
    const bytes = await planted.backend.load({ kind: 'pack', name: packs[0]?.id ?? '' });
    const id = sha256(Buffer.from('another')) as PackId;
    await planted.backend.save({ kind: 'pack', name: id }, bytes);
    await planted.index([{ id, blobs: packs[0]?.blobs ?? [] }, ...packs.slice(1)]);
    await planted.snapshot(root.id);
    const report = await check(planted);
    assert.deepEqual(kindsOf(report), ['pack-damaged']);
    assert.deepEqual(report.brokenPacks, [id]);
  });
});

describe('checkRepository on trees', () => {
  const file = fileNode('f', [], 0);
  const { subtree: _subtree, ...treeless } = directoryNode('d', missingId);
  const errors: Record<string, { nodes: TreeNode[]; message: RegExp }> = {
    'a file without a list of content': { nodes: [{ ...file, content: null }], message: /'f' .* without a list of content/ },
    'a directory without a tree': { nodes: [treeless], message: /'d' .* directory without a tree/ },
    'a node without a type': { nodes: [{ ...file, type: '' }], message: /invalid type/ },
    'a name that is there twice': { nodes: [file, file], message: /twice/ },
    'a link with content': {
      nodes: [{ ...file, type: 'symlink', linkTarget: 'x', content: [missingId] }],
      message: /symlink that has content/,
    },
    'a file with a tree': { nodes: [{ ...file, subtree: missingId }], message: /file that has a tree/ },
  };
  for (const [what, { nodes, message }] of Object.entries(errors)) {
    it(`finds ${what}`, async () => {
      const report = await check(await plantTree(nodes));
      assert.deepEqual(kindsOf(report), ['node']);
      assert.match(report.errors[0]?.message ?? '', message);
      assert.match(report.errors[0]?.message ?? '', /in snapshot/);
    });
  }

  it('warns when names are not in order, and when a size is not that of the content', async () => {
    const planted = await plantTree([fileNode('b', [], 7), fileNode('a', [], 0)]);
    const report = await check(planted);
    assert.equal(report.errorCount, 0);
    assert.deepEqual(report.warnings.map((warning) => warning.context['path']).sort(), ['/a', '/b']);
  });

  it('names the path of a tree that cannot be decoded, and checks the others', async () => {
    const planted = await emptyRepository();
    const bad = planted.blob('tree', '{"nodes":[{"name":"../x","type":"file","content":[]}]}');
    const other = planted.tree([fileNode('lost', [missingId], 1)]);
    const middle = planted.tree([directoryNode('bad', bad.id), directoryNode('other', other.id)]);
    const root = planted.tree([directoryNode('middle', middle.id)]);
    await planted.index([await planted.pack([bad, other, middle, root])]);
    await planted.snapshot(root.id);
    const report = await check(planted);
    assert.deepEqual(report.errors.map(({ kind, context }) => [kind, context['path']]).sort(), [
      ['node', '/middle/other/lost'],
      ['tree', '/middle/bad'],
    ]);
  });

  it('reads a tree once however many folders and snapshots have it', async () => {
    const planted = await emptyRepository();
    const shared = planted.tree([fileNode('lost', [missingId], 1)]);
    const root = planted.tree(['a', 'b', 'c'].map((name) => directoryNode(name, shared.id)));
    await planted.index([await planted.pack([shared, root])]);
    await planted.snapshot(root.id);
    await planted.snapshot(shared.id);
    const report = await check(planted);
    assert.deepEqual([report.treeCount, report.snapshotCount, report.errorCount], [2, 2, 1]);
  });

  it('does not loop when trees refer to themselves through a forged index', async () => {
    const planted = await emptyRepository();
    const root = planted.tree([directoryNode('self', missingId)]);
    const forged = { ...root, id: missingId };
    const pack = await planted.pack([root, forged]);
    await planted.index([pack]);
    await planted.snapshot(root.id);
    const report = await check(planted);
    assert.deepEqual([...new Set(kindsOf(report))].sort(), ['blob', 'tree']);
  });
});

function flipMiddle(bytes: Buffer): Buffer {
  const flipped = Buffer.from(bytes);
  const at = bytes.length >> 1;
  flipped[at] = (flipped[at] ?? 0) ^ 0x10;
  return flipped;
}
