/** Trees and an index in memory: real nodes, encoded and decoded by the real codecs. */
import { createHash } from 'node:crypto';
import { type BlobId, idToBytes } from '../../src/base/ids.ts';
import type { NodeType } from '../../src/format/file-mode.ts';
import { goMode } from '../../src/format/file-mode.ts';
import { quoteName } from '../../src/format/go-quote.ts';
import type { TreeNode } from '../../src/format/node.ts';
import { encodeNode } from '../../src/format/node-encoder.ts';
import { decodeTree, encodeTree } from '../../src/format/tree.ts';
import { type BlobType, dataBlob, IndexTable, treeBlob } from '../../src/workers/index-table.ts';
import type { TreeSource } from '../../src/repository/tree/tree-source.ts';

/** A directory is an object; a file its content; a node of another kind is given as a node. */
export interface Sketch {
  readonly [name: string]: Sketch | string | Partial<TreeNode>;
}

const time = '2026-11-21T10:00:00Z';

export class MemoryTrees implements TreeSource {
  readonly index = IndexTable.create(100);
  readonly #trees = new Map<BlobId, Buffer>();
  readonly #data = new Map<BlobId, Buffer>();
  readonly #pack = this.index.addPack(Buffer.alloc(32));

  async loadTree(id: BlobId): Promise<readonly TreeNode[]> {
    const bytes = this.#trees.get(id);
    if (bytes === undefined) throw new Error(`no tree ${id}`);
    return decodeTree(bytes);
  }

  async loadBlob(_type: BlobType, id: BlobId): Promise<Buffer> {
    const bytes = this.#data.get(id);
    if (bytes === undefined) throw new Error(`no blob ${id}`);
    return bytes;
  }

  forget(id: BlobId): void {
    this.#trees.delete(id);
  }

  /** @returns the root tree */
  store(sketch: Sketch): BlobId {
    const names = Object.keys(sketch).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const nodes = names.map((name) => encodeNode(this.#nodeOf(name, sketch[name] ?? '')));
    const bytes = encodeTree(nodes);
    const id = this.#insert(bytes, treeBlob);
    this.#trees.set(id, bytes);
    return id;
  }

  #nodeOf(name: string, value: Sketch | string | Partial<TreeNode>): TreeNode {
    if (typeof value === 'string') return this.#file(name, value);
    if (isNode(value)) return { ...this.#file(name, ''), ...value };
    return { ...basicNode(name, 'dir'), mode: goMode.dir + 0o755, subtree: this.store(value) };
  }

  /** Every line of the content is a blob. */
  #file(name: string, content: string): TreeNode {
    const pieces = content === '' ? [] : content.split('\n');
    const ids = pieces.map((piece) => this.#insert(Buffer.from(piece), dataBlob));
    ids.forEach((id, index) => this.#data.set(id, Buffer.from(pieces[index] ?? '')));
    return { ...basicNode(name, 'file'), mode: 0o644, size: Buffer.byteLength(pieces.join('')), links: 1, content: ids };
  }

  #insert(bytes: Buffer, type: typeof dataBlob | typeof treeBlob): BlobId {
    const id = createHash('sha256').update(bytes).digest('hex') as BlobId;
    if (this.index.find(idToBytes(id), type) < 0) this.index.insert(idToBytes(id), type, this.#pack, 0, bytes.length + 32, 0);
    return id;
  }
}

function isNode(value: Sketch | Partial<TreeNode>): value is Partial<TreeNode> {
  return typeof value['type'] === 'string';
}

function basicNode(name: string, type: NodeType): TreeNode {
  return { name: quoteName(Buffer.from(name)), type, mtime: time, atime: time, ctime: time, uid: 0, gid: 0, content: null };
}
