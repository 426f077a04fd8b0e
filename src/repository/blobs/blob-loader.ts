/** Blobs by their ids, for the main thread: one at a time, from local packs or over a backend. */
import { dirname } from 'node:path';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { systemRandomness } from '../../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { type BlobId, idToBytes } from '../../base/ids.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import { Sealer } from '../../crypto/sealer.ts';
import type { TreeNode } from '../../format/node.ts';
import { decodeTree } from '../../format/tree.ts';
import type { Backend, CallOptions, LoadOptions } from '../../storage/backend.ts';
import { assertBlobLengths, BlobDecoder } from '../../workers/blob-decoder.ts';
import { BlobReader, damagedBlob } from '../../workers/blob-reader.ts';
import { type BlobType, type IndexTable, treeBlob } from '../../workers/index-table.ts';
import type { TreeSource } from '../tree/tree-source.ts';
import { NearbyReads } from './nearby-reads.ts';
import { TreeCache } from './tree-cache.ts';

export class BlobLoader implements TreeSource, Disposable {
  readonly #farPacks: NearbyReads;
  readonly #index: IndexTable;
  readonly #decoder: BlobDecoder;
  /** For packs that this machine can open: reads of some ten microseconds, so they block rather than wait for a thread. */
  readonly #reader: BlobReader | undefined;
  readonly #trees = new TreeCache();

  constructor(backend: Backend, key: MasterKey, index: IndexTable) {
    const sealer = new Sealer(key, systemRandomness);
    const packFolder = localPackFolder(backend);
    this.#farPacks = new NearbyReads(backend, index);
    this.#index = index;
    this.#decoder = new BlobDecoder(sealer);
    this.#reader = packFolder === undefined ? undefined : new BlobReader(index, sealer, packFolder);
  }

  /**
   * The plaintext of a blob, a buffer of the caller's own. Every copy of it is tried before it counts as lost.
   * @throws HoldfastError `not-found` when no index has the blob, `damaged` naming blob and pack, `storage-*`
   */
  async load(type: BlobType, id: BlobId, options: CallOptions = {}): Promise<Buffer> {
    return await this.#withContent(type, id, options, (plain) => Buffer.from(plain));
  }

  /** The nodes of a directory; as `load`, and `damaged` when the blob is no tree. */
  async loadTree(id: BlobId, options: CallOptions = {}): Promise<readonly TreeNode[]> {
    const known = this.#trees.get(id);
    if (known !== undefined) return known;
    return await this.#withContent(treeBlob, id, options, (plain) => {
      const nodes = inTree(id, () => decodeTree(plain));
      this.#trees.set(id, nodes, plain.length);
      return nodes;
    });
  }

  /** Closes the packs that are open. */
  [Symbol.dispose](): void {
    this.#reader?.[Symbol.dispose]();
  }

  /** `use` gets a view that holds during the call only. */
  async #withContent<T>(type: BlobType, id: BlobId, options: CallOptions, use: (plain: Uint8Array) => T): Promise<T> {
    throwIfCancelled(options.signal);
    const copies = this.#index.findAll(idToBytes(id), type).filter((entry) => this.#index.packOf(entry) >= 0);
    if (copies.length === 0) throw unknownBlob(type, id);
    const failures: HoldfastError[] = [];
    for (const entry of copies) {
      try {
        return await this.#useCopy(entry, options, use);
      } catch (error) {
        const failure = asHoldfastError(error);
        if (failure.code === 'cancelled') throw failure;
        failures.push(this.#named(failure, entry));
      }
    }
    throw worstOf(failures);
  }

  /** Fetched bytes that are wrong are asked for once more, past all caches: only wrong twice is damage of what is stored. */
  async #useCopy<T>(entry: number, { signal }: CallOptions, use: (plain: Uint8Array) => T): Promise<T> {
    try {
      const sealed = await this.#fetch(entry, { signal });
      // From here to the end of `use` nothing may wait: the view lies in a buffer that all calls share.
      return use(this.#decode(entry, sealed));
    } catch (error) {
      if (this.#reader !== undefined || asHoldfastError(error).code !== 'damaged') throw error;
      const sealed = await this.#fetch(entry, { signal, isFresh: true });
      return use(this.#decode(entry, sealed));
    }
  }

  /** The sealed blob of a pack that cannot be opened on this machine. */
  async #fetch(entry: number, { signal, isFresh = false }: LoadOptions): Promise<Uint8Array | undefined> {
    if (this.#reader !== undefined) return undefined;
    const index = this.#index;
    assertBlobLengths(index.lengthOf(entry), index.plainLengthOf(entry));
    return await this.#farPacks.load(entry, { holdsTrees: index.typeOf(entry) === treeBlob, isFresh, signal });
  }

  #decode(entry: number, sealed: Uint8Array | undefined): Uint8Array {
    if (this.#reader !== undefined) return this.#reader.read(entry);
    return this.#decoder.decode(sealed ?? new Uint8Array(), this.#index.plainLengthOf(entry), this.#index.idHex(entry));
  }

  /** A pack that is gone is damage of the repository too, once the index says that it is there. */
  #named(failure: HoldfastError, entry: number): HoldfastError {
    const isNamed = failure.context['blob'] !== undefined || failure.context['tree'] !== undefined;
    if (isNamed || (failure.code !== 'damaged' && failure.code !== 'storage-missing')) return failure;
    const problem = failure.code === 'damaged' ? failure : new HoldfastError('damaged', 'the pack is missing', { cause: failure });
    return damagedBlob(this.#index.idHex(entry), this.#index.packIdHex(this.#index.packOf(entry)), problem);
  }
}

/** The folder above those of the packs, where the backend's files can be opened. */
export function localPackFolder(backend: Backend): string | undefined {
  if (!backend.capabilities.localFiles) return undefined;
  const anyPack = backend.pathOf({ kind: 'pack', name: '0'.repeat(64) });
  return anyPack === undefined ? undefined : dirname(dirname(anyPack));
}

/** What can be tried again says more than what is lost: a copy that could not be reached may still be whole. */
function worstOf(failures: readonly HoldfastError[]): HoldfastError {
  const worst = failures.find((failure) => failure.code !== 'damaged') ?? failures[0];
  return worst ?? new HoldfastError('internal', 'a blob was not read and did not fail');
}

function unknownBlob(type: BlobType, id: BlobId): HoldfastError {
  const what = type === treeBlob ? 'tree' : 'data';
  return new HoldfastError('not-found', `the ${what} blob ${id} is in no index of the repository`, {
    hint: 'Check the id. If a snapshot refers to it, run a check to see what is lost; if another program just wrote it, open the repository again.',
    context: { blob: id },
  });
}

function inTree<T>(id: BlobId, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'damaged') throw error;
    throw new HoldfastError('damaged', `tree ${id} is damaged: ${error.message}`, {
      context: { ...error.context, tree: id },
      cause: error,
    });
  }
}
