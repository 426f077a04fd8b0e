import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { check, kindsOf, plant } from '../../../test/support/planted-check.ts';
import type { HoldfastEvent } from '../../base/events.ts';

describe('checkRepository', () => {
  it('finds nothing in a repository that is right, and counts what is there', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    await planted.snapshot(root.id);
    const { secondsElapsed, bytesRead, storedBytes, ...report } = await check(planted);
    assert.ok(secondsElapsed > 0 && bytesRead > 0 && bytesRead === storedBytes);
    assert.deepEqual(report, {
      errors: [],
      warnings: [],
      hints: [],
      errorCount: 0,
      packCount: 2,
      packsRead: 2,
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

  it('reads the packs that were chosen, and tells which of them are right', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    await planted.snapshot(root.id);
    const proved: string[] = [];
    const [first, second] = packs.map(({ id }) => id);
    const onProved = (pack: string) => void proved.push(pack);
    const report = await check(planted, { choosePacks: (all) => all.filter(({ id }) => id === second), onProved });
    assert.deepEqual([report.packsRead, proved], [1, [second]]);
    assert.ok(report.bytesRead > 0 && report.bytesRead < report.storedBytes);
    const file = { kind: 'pack', name: first ?? '' } as const;
    await planted.backend.save(file, flipMiddle(await planted.backend.load(file)));
    const broken = await check(planted, { onProved });
    assert.deepEqual([broken.packsRead, proved, broken.brokenPacks], [2, [second, second], [first]]);
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

function flipMiddle(bytes: Buffer): Buffer {
  const flipped = Buffer.from(bytes);
  const at = bytes.length >> 1;
  flipped[at] = (flipped[at] ?? 0) ^ 0x10;
  return flipped;
}
