/** The bytes of packs that workers cannot open themselves: fetched here, handed over in shared memory. */
import type { Backend } from '../storage/backend.ts';
import { type IndexTable, treeBlob } from '../workers/index-table.ts';
import { localPackFolder } from '../repository/blobs/blob-loader.ts';
import { NearbyReads } from '../repository/blobs/nearby-reads.ts';

export class PackSource {
  /** Where workers read packs; undefined when they get the bytes. */
  readonly localFolder: string | undefined;
  readonly #backend: Backend;
  readonly #index: IndexTable;
  readonly #signal: AbortSignal | undefined;
  readonly #trees: NearbyReads;

  constructor(backend: Backend, index: IndexTable, signal: AbortSignal | undefined) {
    this.localFolder = localPackFolder(backend);
    this.#backend = backend;
    this.#index = index;
    this.#signal = signal;
    this.#trees = new NearbyReads(backend, index);
  }

  /** A part of a pack; undefined where workers read it themselves. @throws HoldfastError */
  async load(pack: number, offset: number, length: number): Promise<SharedArrayBuffer | undefined> {
    if (this.localFolder !== undefined) return undefined;
    const file = { kind: 'pack', name: this.#index.packIdHex(pack) } as const;
    const bytes = await this.#backend.load(file, { offset, length, signal: this.#signal });
    return inSharedMemory(bytes);
  }

  async loadEntry(entry: number): Promise<SharedArrayBuffer | undefined> {
    const index = this.#index;
    if (this.localFolder !== undefined || index.typeOf(entry) !== treeBlob) {
      return await this.load(index.packOf(entry), index.offsetOf(entry), index.lengthOf(entry));
    }
    return inSharedMemory(await this.#trees.load(entry, { holdsTrees: true, signal: this.#signal }));
  }

  /** The other places where the same blob lies, in the order of the index. */
  otherCopies(entry: number): number[] {
    const id = new Uint8Array(32);
    this.#index.copyId(entry, id);
    const copies = this.#index.findAll(id, this.#index.typeOf(entry));
    return copies.filter((copy) => copy !== entry && this.#index.packOf(copy) >= 0);
  }
}

function inSharedMemory(bytes: Uint8Array): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}
