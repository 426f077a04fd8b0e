/** A repository with its index: everything that commands which read trees and blobs need. */
import type { BlobId } from '../base/ids.ts';
import type { TreeNode } from '../format/node.ts';
import { BlobLoader } from '../repository/blobs/blob-loader.ts';
import { loadIndex } from '../repository/index/load-index.ts';
import type { Repository } from '../repository/repository.ts';
import type { TreeSource } from '../repository/tree/tree-source.ts';
import type { CallOptions } from '../storage/backend.ts';
import type { BlobType, IndexTable } from '../workers/index-table.ts';

export class RepositoryReader implements TreeSource, Disposable {
  readonly repository: Repository;
  readonly index: IndexTable;
  readonly #loader: BlobLoader;
  readonly #options: CallOptions;

  /** @param options their signal holds for every later call too */
  private constructor(repository: Repository, index: IndexTable, options: CallOptions) {
    this.repository = repository;
    this.index = index;
    this.#loader = new BlobLoader(repository.backend, repository.masterKey, index);
    this.#options = options;
  }

  /** Loads the index. Find the snapshots first: one written meanwhile would refer to what this index does not know. */
  static async open(repository: Repository, options: CallOptions = {}): Promise<RepositoryReader> {
    return new RepositoryReader(repository, await loadIndex(repository.backend, repository.masterKey, options), options);
  }

  async loadTree(id: BlobId): Promise<readonly TreeNode[]> {
    return await this.#loader.loadTree(id, this.#options);
  }

  async loadBlob(type: BlobType, id: BlobId): Promise<Buffer> {
    return await this.#loader.load(type, id, this.#options);
  }

  [Symbol.dispose](): void {
    this.#loader[Symbol.dispose]();
  }
}
