/** A planted repository, hostile or damaged, as a restore wants it. */
import { loadIndex } from '../../src/repository/index/load-index.ts';
import { BlobLoader } from '../../src/repository/blobs/blob-loader.ts';
import type { BlobId } from '../../src/base/ids.ts';
import type { TreeNode } from '../../src/format/node.ts';
import type { RestoreRepository } from '../../src/restorer/restore-options.ts';
import { directoryNode, fileNode, type PlantedRepository, type SealedBlob } from './planted-repository.ts';
import type { CleansUp } from './temporary-folder.ts';

/** A folder or the content of a file, by name. */
export interface PlantedFolder {
  readonly [name: string]: PlantedFolder | string;
}

/** Collects blobs until they are stored, data and trees each in one pack. */
export class PlantedTrees {
  readonly #planted: PlantedRepository;
  readonly #trees: SealedBlob[] = [];
  readonly #data: SealedBlob[] = [];

  constructor(planted: PlantedRepository) {
    this.#planted = planted;
  }

  data(content: string | Uint8Array): BlobId {
    const blob = this.#planted.blob('data', content);
    this.#data.push(blob);
    return blob.id;
  }

  file(name: string, content: string): TreeNode {
    return fileNode(name, [this.data(content)], Buffer.byteLength(content));
  }

  tree(nodes: readonly TreeNode[]): BlobId {
    return this.#add(this.#planted.tree(nodes));
  }

  /** A tree by its JSON, right or wrong. */
  rawTree(json: string): BlobId {
    return this.#add(this.#planted.blob('tree', json));
  }

  folder(content: PlantedFolder): BlobId {
    const nodes = Object.entries(content).map(([name, value]) =>
      typeof value === 'string' ? this.file(name, value) : directoryNode(name, this.folder(value)),
    );
    return this.tree(nodes);
  }

  /** Writes packs and index. @param copies of the data's pack */
  async store(copies = 1): Promise<{ readonly dataPacks: readonly string[]; readonly treePack: string }> {
    const trees = await this.#planted.pack(this.#trees);
    const data = [];
    // A gap of another length makes another pack of the same blobs.
    for (let copy = 0; copy < copies; copy++) data.push(await this.#planted.pack(this.#data, { gap: Buffer.alloc(copy) }));
    await this.#planted.index([...data, trees]);
    return { dataPacks: data.map((pack) => pack.id), treePack: trees.id };
  }

  async repository(t: CleansUp): Promise<RestoreRepository> {
    const { backend, key } = this.#planted;
    const index = await loadIndex(backend, key);
    const loader = new BlobLoader(backend, key, index);
    t.after(() => loader[Symbol.dispose]());
    return { backend, masterKey: key, loadIndex: async () => index, loadTree: (id, options) => loader.loadTree(id, options) };
  }

  #add(tree: SealedBlob): BlobId {
    this.#trees.push(tree);
    return tree.id;
  }
}
