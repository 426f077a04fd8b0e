/**
 * Builds packs, indexes and snapshots byte by byte in any backend, right ones and wrong ones: for tests of what reads them.
 * Nothing here goes through the code that writes repositories.
 */
import { createHash } from 'node:crypto';
import { systemRandomness } from '../../src/base/clock.ts';
import type { BlobId, IndexId, PackId, SnapshotId } from '../../src/base/ids.ts';
import { Compressor } from '../../src/compression/compressor.ts';
import { createMasterKey, type MasterKey } from '../../src/crypto/master-key.ts';
import { Sealer, sealOverhead } from '../../src/crypto/sealer.ts';
import { quoteName } from '../../src/format/go-quote.ts';
import { encodeIndex, type IndexedPack } from '../../src/format/index-file.ts';
import type { TreeNode } from '../../src/format/node.ts';
import { encodeNode } from '../../src/format/node-encoder.ts';
import { type BlobType, encodeHeaderEntries, encodeHeaderLength, type LocatedBlob } from '../../src/format/pack-header.ts';
import { encodeTree } from '../../src/format/tree.ts';
import type { Backend } from '../../src/storage/backend.ts';

export interface SealedBlob {
  readonly id: BlobId;
  readonly type: BlobType;
  readonly sealed: Buffer;
  readonly uncompressedLength?: number;
}

export interface PackOptions {
  /** Seals this as the header instead of the right one. */
  readonly header?: Uint8Array;
  readonly headerLengthField?: number;
  /** Bytes between the blobs and the header that belong to neither. */
  readonly gap?: Uint8Array;
}

const time = '2026-11-21T10:00:00Z';

export class PlantedRepository {
  readonly backend: Backend;
  readonly key: MasterKey;
  readonly #sealer: Sealer;
  readonly #compressor = new Compressor('auto');

  constructor(backend: Backend, key: MasterKey = createMasterKey(systemRandomness)) {
    this.backend = backend;
    this.key = key;
    this.#sealer = new Sealer(this.key, systemRandomness);
  }

  seal(plain: Uint8Array): Buffer {
    const sealed = Buffer.alloc(plain.length + sealOverhead);
    this.#sealer.seal(plain, sealed);
    return sealed;
  }

  /** A blob that is what its id says, compressed where that makes it smaller. */
  blob(type: BlobType, content: string | Uint8Array): SealedBlob {
    const plain = Buffer.from(content);
    const id = sha256(plain) as BlobId;
    const frame = Buffer.alloc(plain.length);
    const frameLength = this.#compressor.compress(plain, frame);
    if (frameLength === 0) return { id, type, sealed: this.seal(plain) };
    return { id, type, sealed: this.seal(frame.subarray(0, frameLength)), uncompressedLength: plain.length };
  }

  tree(nodes: readonly TreeNode[]): SealedBlob {
    return this.blob('tree', encodeTree(nodes.map(encodeNode)));
  }

  /** Stores a pack under the SHA-256 of its bytes. */
  async pack(blobs: readonly SealedBlob[], options: PackOptions = {}): Promise<IndexedPack> {
    const located = locate(blobs);
    const header = this.seal(options.header ?? encodeHeaderEntries(located));
    const lengthField = encodeHeaderLength(options.headerLengthField ?? header.length);
    const bytes = Buffer.concat([...blobs.map((blob) => blob.sealed), options.gap ?? Buffer.alloc(0), header, lengthField]);
    const id = sha256(bytes) as PackId;
    await this.backend.save({ kind: 'pack', name: id }, bytes);
    return { id, blobs: located };
  }

  async index(packs: readonly IndexedPack[]): Promise<IndexId> {
    return await this.unpacked('index', encodeIndex(packs));
  }

  async snapshot(tree: BlobId): Promise<SnapshotId> {
    return await this.unpacked('snapshot', Buffer.from(JSON.stringify({ time, tree, paths: ['/x'], hostname: 'h', username: 'u' })));
  }

  /** Seals JSON, or anything else, as a file of the kind. */
  async unpacked<Id extends string>(kind: 'index' | 'snapshot' | 'lock', json: Uint8Array): Promise<Id> {
    const stored = this.seal(json);
    const name = sha256(stored);
    await this.backend.save({ kind, name }, stored);
    return name as Id;
  }
}

export function fileNode(name: string, content: readonly BlobId[], size: number): TreeNode {
  return { ...basicNode(name), type: 'file', mode: 0o644, size, content };
}

export function directoryNode(name: string, subtree: BlobId): TreeNode {
  return { ...basicNode(name), type: 'dir', mode: 0o755 + 2 ** 31, content: null, subtree };
}

function basicNode(name: string): Omit<TreeNode, 'type' | 'content'> {
  return { name: quoteName(Buffer.from(name)), mtime: time, atime: time, ctime: time, uid: 0, gid: 0 };
}

function locate(blobs: readonly SealedBlob[]): LocatedBlob[] {
  let offset = 0;
  return blobs.map(({ id, type, sealed, uncompressedLength }) => {
    const blob: LocatedBlob = { id, type, offset, length: sealed.length };
    offset += sealed.length;
    return uncompressedLength === undefined ? blob : { ...blob, uncompressedLength };
  });
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
