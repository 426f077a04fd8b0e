import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { failure } from '../../../test/support/failure.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { sha256 } from '../../../test/support/planted-repository.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { IndexId, PackId } from '../../base/ids.ts';
import { type IndexSink, scanIndex } from '../../format/index-file.ts';
import type { CallOptions, StoredFile } from '../../storage/backend.ts';
import { MemoryBackend } from '../../storage/memory/memory-backend.ts';
import { FaultyBackend, type PlannedFault } from '../../storage/wrappers/faulty-backend.ts';
import { type FinishedPack, wordsPerBlob } from '../../workers/archive/messages.ts';
import { dataBlob, IndexTable } from '../../workers/index-table.ts';
import { PackLedger } from './pack-ledger.ts';

/** Notes when a pack is in the repository. */
class NotingBackend extends FaultyBackend {
  readonly effects: string[];

  constructor(effects: string[], plan: readonly PlannedFault[]) {
    super(new MemoryBackend(), plan);
    this.effects = effects;
  }

  override async adopt(file: StoredFile, stagedPath: string, options?: CallOptions): Promise<void> {
    await super.adopt(file, stagedPath, options);
    this.effects.push(`pack ${file.name}`);
  }
}

class Setting {
  readonly effects: string[] = [];
  readonly errors: unknown[] = [];
  readonly clock = new ManualClock();
  readonly index = IndexTable.create(0);
  readonly backend: NotingBackend;
  readonly ledger: PackLedger;
  readonly #folder: string;
  #blobCount = 0;
  saveIndex: (json: Uint8Array) => Promise<void> = async () => {};

  constructor(t: TestContext, plan: readonly PlannedFault[] = []) {
    this.#folder = temporaryFolder(t);
    this.backend = new NotingBackend(this.effects, plan);
    t.after(() => this.backend.close());
    this.ledger = new PackLedger({
      backend: this.backend,
      index: this.index,
      saveIndex: async (json) => {
        await this.saveIndex(json);
        this.effects.push(`index ${namedPacks(json).join(' ')}`);
        return sha256(json) as IndexId;
      },
      monotonicMs: () => this.clock.monotonicMs(),
    });
  }

  /** A staged file of any content, with so many blobs said to be in it. */
  pack(blobCount: number): FinishedPack {
    const content = Buffer.from(`pack ${this.#blobCount}`);
    const stagedPath = join(this.#folder, `staged-${this.#blobCount}`);
    writeFileSync(stagedPath, content);
    const blobs = new Uint32Array(blobCount * wordsPerBlob);
    for (let at = 0; at < blobs.length; at += wordsPerBlob) {
      blobs.set([this.index.claim(Buffer.from(sha256(Buffer.from(`blob ${this.#blobCount++}`)), 'hex'), dataBlob), 100, 300], at);
    }
    return { type: dataBlob, id: sha256(content) as PackId, stagedPath, sizeBytes: content.length, blobs };
  }

  add(pack: FinishedPack): void {
    this.ledger.add(pack, (error) => this.errors.push(error));
  }
}

function namedPacks(json: Uint8Array): string[] {
  const names: string[] = [];
  const sink: IndexSink = { pack: (id) => names.push(Buffer.from(id).toString('hex')), blob: () => {} };
  scanIndex(json, sink);
  return names;
}

const indexesOf = (effects: readonly string[]): string[][] =>
  effects.filter((effect) => effect.startsWith('index ')).map((effect) => effect.split(' ').slice(1));

/** Every pack that an index names was in the repository before. */
function assertPacksFirst(effects: readonly string[]): void {
  for (const [position, effect] of effects.entries()) {
    if (!effect.startsWith('index ')) continue;
    for (const name of effect.split(' ').slice(1)) {
      assert.ok(effects.slice(0, position).includes(`pack ${name}`), `${name} is in an index before it is there`);
    }
  }
}

describe('PackLedger', () => {
  it('writes one index of all packs at the end, after the last of them is there', async (t) => {
    const setting = new Setting(t, [{ operation: 'adopt', nth: 2, fault: { kind: 'delay', ms: 30 } }]);
    const packs = [setting.pack(3), setting.pack(1), setting.pack(2)];
    for (const pack of packs) setting.add(pack);
    await setting.ledger.settle();
    assertPacksFirst(setting.effects);
    assert.deepEqual(
      indexesOf(setting.effects).map((names) => new Set(names)),
      [new Set(packs.map((pack) => pack.id))],
    );
    assert.equal(setting.effects.at(-1)?.slice(0, 5), 'index');
    assert.ok(packs.every((pack) => !existsSync(pack.stagedPath)));
  });

  it('tells the index table where the blobs of a pack are, and the index file the same', async (t) => {
    const setting = new Setting(t);
    const pack = setting.pack(2);
    const located: unknown[] = [];
    setting.saveIndex = async (json) => {
      scanIndex(json, { pack: () => {}, blob: (_id, ...where) => located.push(where) });
    };
    setting.add(pack);
    await setting.ledger.settle();
    assert.deepEqual(located, [
      [dataBlob, 0, 100, 300],
      [dataBlob, 100, 100, 300],
    ]);
    const second = pack.blobs[wordsPerBlob] ?? -1;
    assert.equal(setting.index.packIdHex(setting.index.packOf(second)), pack.id);
    assert.equal(setting.index.offsetOf(second), 100);
  });

  it('writes no index where there is nothing to tell', async (t) => {
    const setting = new Setting(t);
    await setting.ledger.settle();
    assert.deepEqual(setting.effects, []);
  });

  it('writes an index as soon as 50,000 blobs wait for one', async (t) => {
    const setting = new Setting(t);
    for (const count of [30_000, 19_999]) {
      setting.add(setting.pack(count));
      await setting.ledger.quiesce();
    }
    assert.equal(indexesOf(setting.effects).length, 0);
    setting.add(setting.pack(1));
    await setting.ledger.quiesce();
    assert.deepEqual(
      indexesOf(setting.effects).map((names) => names.length),
      [3],
    );
    setting.add(setting.pack(1));
    await setting.ledger.settle();
    assert.deepEqual(
      indexesOf(setting.effects).map((names) => names.length),
      [3, 1],
    );
    assertPacksFirst(setting.effects);
  });

  it('writes an index when the oldest pack has waited for 30 seconds', async (t) => {
    const setting = new Setting(t);
    setting.add(setting.pack(1));
    await setting.ledger.quiesce();
    await setting.clock.advance(29_999);
    setting.add(setting.pack(1));
    await setting.ledger.quiesce();
    assert.equal(indexesOf(setting.effects).length, 0);
    await setting.clock.advance(1);
    setting.add(setting.pack(1));
    await setting.ledger.quiesce();
    assert.deepEqual(
      indexesOf(setting.effects).map((names) => names.length),
      [3],
    );
    // The clock begins again with the next pack.
    await setting.clock.advance(29_999);
    setting.add(setting.pack(1));
    await setting.ledger.quiesce();
    assert.equal(indexesOf(setting.effects).length, 1);
  });

  it('fails, at once and at the end, and writes no index when a pack cannot be taken in', async (t) => {
    const error = new HoldfastError('storage-full', 'no room');
    const setting = new Setting(t, [{ operation: 'adopt', nth: 2, fault: { kind: 'fail', error } }]);
    const packs = [setting.pack(1), setting.pack(1)];
    for (const pack of packs) setting.add(pack);
    assert.equal(await failure(setting.ledger.settle(), 'storage-full'), error);
    assert.deepEqual(setting.errors, [error]);
    assert.deepEqual(indexesOf(setting.effects), []);
    const [, refused] = packs;
    assert.equal(setting.index.packOf(refused?.blobs[0] ?? -1), -1);
  });

  it('fails when an index cannot be saved, in the middle of the run too', async (t) => {
    const setting = new Setting(t);
    const error = new HoldfastError('storage-denied', 'read-only');
    setting.saveIndex = () => Promise.reject(error);
    setting.add(setting.pack(50_000));
    await setting.ledger.quiesce();
    assert.deepEqual(setting.errors, [error]);
    assert.equal(await failure(setting.ledger.settle(), 'storage-denied'), error);
  });
});
