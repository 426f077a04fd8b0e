import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DyingBackend } from '../../../test/support/dying-backend.ts';
import { check, emptyRepository, kindsOf } from '../../../test/support/planted-check.ts';
import { directoryNode, fileNode, type PlantedRepository, type SealedBlob } from '../../../test/support/planted-repository.ts';
import { allSnapshots, flipByte, harm, namesOf, opened } from '../../../test/support/repairable-repository.ts';
import { pseudoRandomBytes } from '../../../test/support/pseudo-random.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { PackId } from '../../base/ids.ts';
import type { IndexedPack } from '../../format/index-file.ts';
import type { Backend, LoadOptions, StoredFile } from '../../storage/backend.ts';
import { ForwardingBackend } from '../../storage/forwarding-backend.ts';
import { dataBlob } from '../../workers/index-table.ts';
import { type PackRepair, repairPacks } from './repair-packs.ts';
import { repairSnapshots } from './repair-snapshots.ts';

interface Damaged {
  readonly planted: PlantedRepository;
  readonly pack: IndexedPack;
  readonly blobs: readonly SealedBlob[];
}

/** Three files, whose content lies in one pack. */
async function plantThree(): Promise<Damaged> {
  const planted = await emptyRepository();
  const texts = ['one', 'two'.repeat(100), 'three'];
  const blobs = texts.map((text) => planted.blob('data', text));
  const inner = planted.tree(blobs.map(({ id }, at) => fileNode(`file${at}`, [id], texts[at]?.length ?? 0)));
  const root = planted.tree([directoryNode('folder', inner.id)]);
  const pack = await planted.pack(blobs);
  await planted.index([pack, await planted.pack([inner, root])]);
  await planted.snapshot(root.id);
  return { planted, pack, blobs };
}

async function repair(t: TestContext, planted: PlantedRepository, ids: readonly string[], backend?: Backend): Promise<PackRepair> {
  const repository = await opened(planted, backend);
  return await repairPacks(repository, ids as PackId[], { copyFolder: temporaryFolder(t) });
}

describe('repair packs', () => {
  it('saves the blobs that are whole, and names those that are lost', async (t) => {
    const { planted, pack, blobs } = await plantThree();
    await harm(planted.backend, pack.id, flipByte((pack.blobs[1]?.offset ?? 0) + 20));
    const { packs, newPackCount } = await repair(t, planted, [pack.id]);
    assert.deepEqual(
      [packs.map(({ savedCount, blobCount, lost }) => [savedCount, blobCount, lost]), newPackCount],
      [[[2, 3, [{ id: blobs[1]?.id, type: 'data' }]]], 1],
    );
    const repository = await opened(planted);
    assert.equal((await repository.loadBlob(dataBlob, blobs[2]?.id ?? (pack.id as never))).toString(), 'three');
    assert.ok(!(await namesOf(planted.backend, 'pack')).includes(pack.id));
    assert.deepEqual(kindsOf(await check(planted)), ['node']);
  });

  it('changes nothing on a dry run, and says the same', async (t) => {
    const { planted, pack } = await plantThree();
    await harm(planted.backend, pack.id, flipByte((pack.blobs[1]?.offset ?? 0) + 20));
    const before = [await namesOf(planted.backend, 'pack'), await namesOf(planted.backend, 'index')];
    const copyFolder = temporaryFolder(t);
    const dry = await repairPacks(await opened(planted), [pack.id], { copyFolder, isDryRun: true });
    assert.deepEqual(
      [await namesOf(planted.backend, 'pack'), await namesOf(planted.backend, 'index'), readdirSync(copyFolder)],
      [...before, []],
    );
    const { packs } = await repair(t, planted, [pack.id]);
    assert.deepEqual(
      packs.map(({ copy: _copy, ...rest }) => rest),
      dry.packs,
    );
  });

  it('keeps a copy of the pack as it was, before it is removed', async (t) => {
    const { planted, pack } = await plantThree();
    await harm(planted.backend, pack.id, flipByte(3));
    const bytes = await planted.backend.load({ kind: 'pack', name: pack.id });
    const copyFolder = temporaryFolder(t);
    await repairPacks(await opened(planted), [pack.id], { copyFolder });
    assert.deepEqual(readdirSync(copyFolder), [`pack-${pack.id}`]);
    assert.deepEqual(readFileSync(join(copyFolder, `pack-${pack.id}`)), bytes);
  });

  it('changes nothing when another file has the name of the copy', async (t) => {
    const { planted, pack } = await plantThree();
    const copyFolder = temporaryFolder(t);
    writeFileSync(join(copyFolder, `pack-${pack.id}`), 'something else');
    const before = [await namesOf(planted.backend, 'pack'), await namesOf(planted.backend, 'index')];
    await assert.rejects(repairPacks(await opened(planted), [pack.id], { copyFolder }), { code: 'usage' });
    assert.deepEqual([await namesOf(planted.backend, 'pack'), await namesOf(planted.backend, 'index')], before);
    assert.deepEqual(readdirSync(copyFolder), [`pack-${pack.id}`]);
  });

  it('saves all of a pack whose header is damaged, by the index', async (t) => {
    const { planted, pack } = await plantThree();
    await harm(planted.backend, pack.id, (bytes) => bytes.subarray(0, -1));
    const { packs } = await repair(t, planted, [pack.id]);
    assert.deepEqual(packs[0]?.savedCount, 3);
    assert.equal((await check(planted)).errorCount, 0);
  });

  it('saves all of two packs whose contents were swapped, by their headers', async (t) => {
    const { planted, pack } = await plantThree();
    const other = (await namesOf(planted.backend, 'pack')).find((id) => id !== pack.id) ?? '';
    const contents = await Promise.all([pack.id, other].map((name) => planted.backend.load({ kind: 'pack', name })));
    await harm(planted.backend, pack.id, () => contents[1] ?? Buffer.alloc(0));
    await harm(planted.backend, other, () => contents[0] ?? Buffer.alloc(0));
    const { packs } = await repair(t, planted, [pack.id, other]);
    assert.deepEqual(
      packs.flatMap(({ lost }) => lost),
      [],
    );
    assert.equal((await check(planted)).errorCount, 0);
  });

  it('takes a pack that is gone out of the index', async (t) => {
    const { planted, pack } = await plantThree();
    await planted.backend.remove({ kind: 'pack', name: pack.id });
    const { packs } = await repair(t, planted, [pack.id]);
    assert.deepEqual([packs[0]?.lost.length, packs[0]?.copy], [3, undefined]);
    assert.deepEqual(kindsOf(await check(planted)), ['node', 'node', 'node']);
  });

  it('knows nothing of an id that neither index nor storage has, and changes nothing', async (t) => {
    const { planted, pack } = await plantThree();
    await assert.rejects(repair(t, planted, [pack.id, 'ef'.repeat(32)]), { code: 'not-found' });
    assert.equal((await check(planted)).errorCount, 0);
  });

  it('does not save a second time what is whole in another pack', async (t) => {
    const { planted, pack, blobs } = await plantThree();
    await planted.index([await planted.pack(blobs.slice(0, 2))]);
    await harm(planted.backend, pack.id, flipByte(3));
    const { packs } = await repair(t, planted, [pack.id]);
    assert.deepEqual([packs[0]?.elsewhereCount, packs[0]?.savedCount, packs[0]?.lost], [2, 1, []]);
    assert.equal((await check(planted)).errorCount, 0);
  });

  it('does not rely on another copy that is damaged too', async (t) => {
    const { planted, pack, blobs } = await plantThree();
    const copies = await planted.pack(blobs.slice(0, 1));
    await planted.index([copies]);
    await harm(planted.backend, copies.id, flipByte(3));
    const { packs } = await repair(t, planted, [pack.id]);
    assert.deepEqual([packs[0]?.elsewhereCount, packs[0]?.savedCount], [0, 3]);
  });

  it('saves what lies beside bytes that the disk cannot read, and stops for any other failure', async (t) => {
    const { planted, pack } = await plantThree();
    const unreadable = pack.blobs[1]?.offset ?? 0;
    const stopped = new BadSector(planted.backend, unreadable, new HoldfastError('storage-failed', 'the network is out'));
    await assert.rejects(repair(t, planted, [pack.id], stopped), { code: 'storage-failed' });
    assert.equal((await check(planted)).errorCount, 0);
    const broken = new BadSector(planted.backend, unreadable, new HoldfastError('storage-failed', 'EIO', { context: { errno: 'EIO' } }));
    const { packs } = await repair(t, planted, [pack.id], broken);
    assert.deepEqual([packs[0]?.savedCount, packs[0]?.lost.length], [2, 1]);
  });

  it('copies all of a pack but the sectors that cannot be read, which are zeros', async (t) => {
    const planted = await emptyRepository();
    const content = pseudoRandomBytes(100_000, 7);
    const pack = await planted.pack([planted.blob('data', content)]);
    await planted.index([pack]);
    const stored = await planted.backend.load({ kind: 'pack', name: pack.id });
    const broken = new BadSector(planted.backend, 50_000, new HoldfastError('storage-failed', 'EIO', { context: { errno: 'EIO' } }));
    const [repaired] = (await repair(t, planted, [pack.id], broken)).packs;
    const copy = readFileSync(repaired?.copy?.path ?? '');
    const unreadable = repaired?.copy?.unreadableBytes ?? 0;
    assert.ok(unreadable > 0 && unreadable <= 4096, `${unreadable} bytes`);
    const differing = stored.reduce((count, byte, at) => count + (byte === copy[at] ? 0 : 1), 0);
    assert.equal(copy.length, stored.length);
    assert.ok(differing <= unreadable && copy[50_000] === 0, `${differing} bytes differ`);
  });

  it('loses nothing to a kill after any of its steps, and the same command takes it up again', async (t) => {
    let steps = 0;
    for (let isFinished = false; !isFinished; steps++) {
      const { planted, pack, blobs } = await plantThree();
      await harm(planted.backend, pack.id, flipByte((pack.blobs[1]?.offset ?? 0) + 20));
      const dying = new DyingBackend(planted.backend, steps);
      isFinished = await repair(t, planted, [pack.id], dying).then(
        () => true,
        () => false,
      );
      assert.equal(isFinished, !dying.hasDied);
      const repository = await opened(planted);
      for (const blob of [blobs[0], blobs[2]])
        assert.ok(await repository.loadBlob(dataBlob, blob?.id ?? (pack.id as never)), `after ${steps} steps`);
      if (!isFinished) await repairAgain(t, planted, pack.id);
      await repairSnapshots(await opened(planted), await allSnapshots(repository), { forgets: true, isDryRun: false });
      assert.equal((await check(planted)).errorCount, 0, `after ${steps} steps`);
    }
    assert.ok(steps > 4, `${steps} steps: pack, index, index, old index, pack`);
  });
});

/** A pack that the killed run has taken out of the index, and even removed, is no longer known. */
async function repairAgain(t: TestContext, planted: PlantedRepository, id: string): Promise<void> {
  try {
    await repair(t, planted, [id]);
  } catch (error) {
    assert.equal((error as HoldfastError).code, 'not-found');
  }
}

/** One place of one pack cannot be read. */
class BadSector extends ForwardingBackend {
  readonly #at: number;
  readonly #error: HoldfastError;

  constructor(inner: Backend, at: number, error: HoldfastError) {
    super(inner);
    this.#at = at;
    this.#error = error;
  }

  override async load(file: StoredFile, options: LoadOptions = {}): Promise<Buffer> {
    const { offset = 0, length = Infinity } = options;
    if (file.kind === 'pack' && offset <= this.#at && this.#at < offset + length) throw this.#error;
    return await super.load(file, options);
  }
}
