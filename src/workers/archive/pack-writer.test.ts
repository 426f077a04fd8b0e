import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { pseudoRandomBytes } from '../../../test/support/pseudo-random.ts';
import { sha256 } from '../../../test/support/planted-repository.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { systemRandomness } from '../../base/clock.ts';
import { createMasterKey } from '../../crypto/master-key.ts';
import { Sealer, sealOverhead } from '../../crypto/sealer.ts';
import { decodeHeader, headerLengthFieldBytes, type LocatedBlob, maxHeaderEntries, readHeaderLength } from '../../format/pack-header.ts';
import { type BlobType, dataBlob, IndexTable, treeBlob } from '../index-table.ts';
import { blobCountOf, type FinishedPack } from './messages.ts';
import { assignBlobs, PackWriter } from './pack-writer.ts';

const packSizeBytes = 1 << 20;

class Setting {
  readonly folder: string;
  readonly index = IndexTable.create(0);
  readonly sealer = new Sealer(createMasterKey(systemRandomness), systemRandomness);
  readonly finished: FinishedPack[] = [];

  constructor(t: TestContext) {
    this.folder = temporaryFolder(t);
  }

  writer(options: { type?: BlobType; name?: string; packSizeBytes?: number } = {}): PackWriter {
    const { index, sealer, finished, folder } = this;
    const onFinished = (pack: FinishedPack): void => void finished.push(pack);
    return new PackWriter({ type: dataBlob, name: 'data', packSizeBytes, index, sealer, stagingFolder: folder, onFinished, ...options });
  }

  /** Seals the blob, claims it and adds it. */
  add(writer: PackWriter, plain: Uint8Array, type: BlobType = dataBlob, plainLength = 0): string {
    const id = sha256(plain);
    const sealed = Buffer.alloc(plain.length + sealOverhead);
    this.sealer.seal(plain, sealed);
    writer.add(this.index.claim(Buffer.from(id, 'hex'), type), sealed, plainLength);
    return id;
  }

  /** What a reader of the repository finds in the pack. */
  read(pack: FinishedPack): { blobs: LocatedBlob[]; contents: Buffer[] } {
    const bytes = readFileSync(pack.stagedPath);
    assert.equal(sha256(bytes), pack.id);
    assert.equal(bytes.length, pack.sizeBytes);
    const headerEnd = bytes.length - headerLengthFieldBytes;
    const header = bytes.subarray(headerEnd - readHeaderLength(bytes.subarray(headerEnd), bytes.length), headerEnd);
    const blobs = decodeHeader(this.#unseal(header));
    const contents = blobs.map(({ offset, length }) => this.#unseal(bytes.subarray(offset, offset + length)));
    assert.equal(blobs.reduce((sum, { length }) => sum + length, 0) + header.length + headerLengthFieldBytes, bytes.length);
    return { blobs, contents };
  }

  #unseal(sealed: Uint8Array): Buffer {
    const plain = Buffer.alloc(sealed.length - sealOverhead);
    this.sealer.unseal(Buffer.from(sealed), plain);
    return plain;
  }
}

const blobsOf = (count: number, sizeBytes: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => pseudoRandomBytes(sizeBytes, index + 1));

describe('PackWriter', () => {
  it('writes packs that are read back blob by blob, small and larger than its buffer', (t) => {
    const setting = new Setting(t);
    const writer = setting.writer({ packSizeBytes: 16 << 20 });
    const plains = [
      Buffer.alloc(0),
      Buffer.from('a'),
      pseudoRandomBytes(3 << 20, 1),
      Buffer.from('b'),
      pseudoRandomBytes((1 << 20) - 64, 2),
    ];
    const ids = plains.map((plain) => setting.add(writer, plain));
    assert.equal(setting.finished.length, 0);
    writer.finish();
    const [pack] = setting.finished;
    assert.ok(pack);
    const { blobs, contents } = setting.read(pack);
    assert.deepEqual(
      blobs.map((blob) => blob.id),
      ids,
    );
    assert.deepEqual(contents, plains);
    assert.ok(blobs.every((blob) => blob.type === 'data' && blob.uncompressedLength === undefined));
  });

  it('notes the length before compression, and the type', (t) => {
    const setting = new Setting(t);
    const writer = setting.writer({ type: treeBlob });
    setting.add(writer, Buffer.from('compressed'), treeBlob, 1234);
    setting.add(writer, Buffer.from('plain'), treeBlob);
    writer.finish();
    const [pack] = setting.finished;
    assert.ok(pack);
    const { blobs } = setting.read(pack);
    assert.deepEqual(
      blobs.map((blob) => [blob.type, blob.uncompressedLength]),
      [
        ['tree', 1234],
        ['tree', undefined],
      ],
    );
  });

  it('closes a pack once it has reached its size, and begins another', (t) => {
    const setting = new Setting(t);
    const writer = setting.writer();
    // Just the size at the fourth: 262,144 bytes each, sealed.
    const plains = blobsOf(9, (1 << 18) - sealOverhead);
    for (const plain of plains) setting.add(writer, plain);
    assert.deepEqual(setting.finished.map(blobCountOf), [4, 4]);
    writer.finish();
    assert.deepEqual(setting.finished.map(blobCountOf), [4, 4, 1]);
    assert.deepEqual(
      setting.finished.flatMap((pack) => setting.read(pack).contents),
      plains,
    );
    assert.equal(new Set(setting.finished.map((pack) => pack.stagedPath)).size, 3);
  });

  it('closes a pack once its header is full', (t) => {
    const setting = new Setting(t);
    const writer = setting.writer({ packSizeBytes: 1 << 30 });
    const sealed = Buffer.alloc(1 + sealOverhead);
    setting.sealer.seal(Buffer.from('x'), sealed);
    const id = Buffer.alloc(32);
    for (let count = 0; count < maxHeaderEntries + 1; count++) {
      id.writeUInt32BE(Math.imul(count, 2654435761) >>> 0);
      id.writeUInt32BE(count, 4);
      writer.add(setting.index.claim(id, dataBlob), sealed, 1);
    }
    assert.deepEqual(setting.finished.map(blobCountOf), [maxHeaderEntries]);
    const [pack] = setting.finished;
    assert.ok(pack);
    assert.equal(setting.read(pack).blobs.length, maxHeaderEntries);
  });

  it('has nothing to finish or to give up before a blob came', (t) => {
    const setting = new Setting(t);
    const writer = setting.writer();
    writer.finish();
    assert.equal(writer.takeUnfinished(), undefined);
    assert.deepEqual(setting.finished, []);
    assert.deepEqual(readdirSync(setting.folder), []);
  });

  it('merges the unfinished packs of several writers into one, and removes their files', (t) => {
    const setting = new Setting(t);
    const writers = ['one', 'two', 'three'].map((name) => setting.writer({ name, packSizeBytes: 16 << 20 }));
    const plains = writers.map((writer, index) => {
      const own = blobsOf(3, 400_000 + index);
      for (const plain of own) setting.add(writer, plain);
      return own;
    });
    const parts = writers.map((writer) => writer.takeUnfinished());
    const merging = setting.writer({ name: 'merged', packSizeBytes: 16 << 20 });
    for (const part of parts) {
      assert.ok(part);
      assert.equal(statSync(part.stagedPath).size, part.sizeBytes);
      merging.append(part);
    }
    merging.finish();
    const [pack, ...others] = setting.finished;
    assert.ok(pack);
    assert.deepEqual(others, []);
    assert.deepEqual(setting.read(pack).contents, plains.flat());
    assert.deepEqual(readdirSync(setting.folder).length, 1);
  });

  it('begins anew, hash included, after it gave up a pack', (t) => {
    const setting = new Setting(t);
    const writer = setting.writer();
    setting.add(writer, Buffer.from('given up'));
    assert.equal(blobCountOf(writer.takeUnfinished() ?? assert.fail()), 1);
    setting.add(writer, Buffer.from('kept'));
    writer.finish();
    const [pack] = setting.finished;
    assert.ok(pack);
    assert.deepEqual(setting.read(pack).contents, [Buffer.from('kept')]);
  });

  it('never writes over a file that is there already', (t) => {
    const setting = new Setting(t);
    setting.add(setting.writer(), Buffer.from('one'));
    assert.throws(() => setting.add(setting.writer(), Buffer.from('two')), { code: 'EEXIST' });
  });
});

describe('assignBlobs', () => {
  it('makes the blobs of a pack known where they lie', (t) => {
    const setting = new Setting(t);
    const writer = setting.writer();
    const plains = blobsOf(4, 1000);
    for (const plain of plains) setting.add(writer, plain, dataBlob, 7777);
    writer.finish();
    const [pack] = setting.finished;
    assert.ok(pack);
    const entries = plains.map((plain) => setting.index.find(Buffer.from(sha256(plain), 'hex'), dataBlob));
    assert.deepEqual(
      entries.map((entry) => setting.index.packOf(entry)),
      [-1, -1, -1, -1],
    );
    const number = assignBlobs(setting.index, pack);
    assert.equal(setting.index.packIdHex(number), pack.id);
    const { blobs } = setting.read(pack);
    for (const [position, entry] of entries.entries()) {
      assert.equal(setting.index.packOf(entry), number);
      assert.equal(setting.index.offsetOf(entry), blobs[position]?.offset);
      assert.equal(setting.index.lengthOf(entry), blobs[position]?.length);
      assert.equal(setting.index.plainLengthOf(entry), 7777);
    }
  });
});
