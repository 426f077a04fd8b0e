import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HoldfastError } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import { displayName } from '../../format/go-quote.ts';
import type { TreeNode } from '../../format/node.ts';
import { encodeNode, encodeNodeFields } from '../../format/node-encoder.ts';
import { decodeTree, encodeTree } from '../../format/tree.ts';
import { nodeFields } from '../../../test/support/arbitrary-nodes.ts';
import { directoryNode, fileNode } from '../../../test/support/planted-repository.ts';
import { displayPath } from '../tree/tree-path.ts';
import type { RewriteMemo, TreeEdit } from './tree-edit.ts';
import { TreeRewriter } from './tree-rewriter.ts';

const noMemo: RewriteMemo = { get: () => undefined, set: () => {} };
const data = 'da'.repeat(32) as BlobId;

class Trees {
  readonly stored = new Map<BlobId, Buffer>();
  readonly saved: BlobId[] = [];

  put(plain: Uint8Array): BlobId {
    const id = createHash('sha256').update(plain).digest('hex') as BlobId;
    this.stored.set(id, Buffer.from(plain));
    return id;
  }

  nodes(nodes: readonly TreeNode[]): BlobId {
    return this.put(encodeTree(nodes.map(encodeNode)));
  }

  names(id: BlobId | undefined): string[] {
    return decodeTree(this.stored.get(id ?? ('' as BlobId)) ?? Buffer.alloc(0)).map(({ name }) => displayName(name));
  }

  rewriter(edit: TreeEdit, memo: RewriteMemo = noMemo): TreeRewriter {
    const saveTree = (plain: Uint8Array): BlobId => {
      const id = this.put(plain);
      this.saved.push(id);
      return id;
    };
    return new TreeRewriter({ loadTree: async (id) => this.load(id), saver: { saveTree }, edit, memo });
  }

  load(id: BlobId): Buffer {
    const found = this.stored.get(id);
    if (found === undefined) throw new HoldfastError('not-found', `no tree ${id}`);
    return found;
  }
}

const keepAll: TreeEdit = { editNode: () => 'keep' };

function without(...names: readonly string[]): TreeEdit {
  return { editNode: (node) => (names.includes(displayName(node.name)) ? 'remove' : 'keep') };
}

describe('rewriting of trees', () => {
  it('gives a tree the same id when nothing in it changes, and stores nothing', async () => {
    const trees = new Trees();
    const inner = trees.nodes([fileNode('a', [data], 3)]);
    const root = trees.nodes([fileNode('x', [], 0), directoryNode('folder', inner)]);
    const result = await trees.rewriter(keepAll).rewrite(root);
    assert.deepEqual([result, trees.saved], [{ tree: root, fileCount: 2, fileBytes: 3n }, []]);
  });

  it('makes the same bytes as a tree that was written without the node from the start', async () => {
    const emptyTree = new Trees().nodes([]);
    const texts = fc.array(nodeFields, { minLength: 1, maxLength: 6 }).map((list) => {
      const named = new Map(list.map((fields) => [fields.nameQuoted, fields]));
      return [...named].map(([name, fields]) => ({
        name,
        text: encodeNodeFields(fields, 'null', fields.type === 'dir' ? emptyTree : undefined),
      }));
    });
    await fc.assert(
      fc.asyncProperty(texts, fc.nat(), async (nodes, choice) => {
        const trees = new Trees();
        trees.nodes([]);
        const gone = nodes[choice % nodes.length]?.name;
        const wanted = encodeTree(nodes.filter(({ name }) => name !== gone).map(({ text }) => text));
        const edit: TreeEdit = { editNode: ({ name }) => (name === gone ? 'remove' : 'keep') };
        const { tree } = await trees.rewriter(edit).rewrite(trees.put(encodeTree(nodes.map(({ text }) => text))));
        assert.equal(trees.load(tree ?? data).toString(), wanted.toString());
      }),
    );
  });

  it('changes all directories above a change, and only these', async () => {
    const trees = new Trees();
    const other = trees.nodes([fileNode('kept', [], 0)]);
    const deep = trees.nodes([fileNode('gone', [data], 9), fileNode('left', [], 0)]);
    const root = trees.nodes([directoryNode('deep', deep), directoryNode('other', other)]);
    const { tree, fileCount, fileBytes } = await trees.rewriter(without('gone')).rewrite(root);
    const newDeep = new Trees().nodes([fileNode('left', [], 0)]);
    assert.equal(tree, new Trees().nodes([directoryNode('deep', newDeep), directoryNode('other', other)]));
    assert.deepEqual([trees.saved, fileCount, fileBytes], [[newDeep, tree], 2, 0n]);
  });

  it('keeps keys and numbers that it does not know in nodes that stay', async () => {
    const trees = new Trees();
    const inner = trees.nodes([fileNode('gone', [], 0)]);
    const future = encodeNode(directoryNode('folder', inner)).replace('"uid":0', '"future":[1e3, {"a":null}],"uid":0');
    const root = trees.put(Buffer.from(`{"nodes":[${encodeNode(fileNode('gone', [], 0))},${future}]}\n`));
    const { tree } = await trees.rewriter(without('gone')).rewrite(root);
    const empty = new Trees().nodes([]);
    assert.equal(trees.load(tree ?? data).toString(), `{"nodes":[${future.replace(inner, empty)}]}\n`);
  });

  it('fails on a directory that cannot be read, unless the edit says what takes its place', async () => {
    const trees = new Trees();
    const root = trees.nodes([directoryNode('lost', data), fileNode('x', [], 0)]);
    await assert.rejects(trees.rewriter(keepAll).rewrite(root), { code: 'not-found' });
    const told: string[] = [];
    const verdicts = ['empty', 'remove'] as const;
    const results = await Promise.all(
      verdicts.map(async (verdict) => {
        const onLostTree: TreeEdit['onLostTree'] = (_tree, path) => (told.push(displayPath(path)), verdict);
        return trees.names((await trees.rewriter({ ...keepAll, onLostTree }).rewrite(root)).tree);
      }),
    );
    assert.deepEqual(
      [results, told],
      [
        [['lost', 'x'], ['x']],
        ['/lost', '/lost'],
      ],
    );
  });

  it('does not take a storage that fails for a tree that is lost', async () => {
    const loadTree = (): Promise<Buffer> => Promise.reject(new HoldfastError('storage-failed', 'the cable is out'));
    const edit: TreeEdit = { ...keepAll, onLostTree: () => 'empty' };
    const rewriter = new TreeRewriter({ loadTree, saver: { saveTree: () => data }, edit, memo: noMemo });
    await assert.rejects(rewriter.rewrite(data), { code: 'storage-failed' });
  });

  it('leaves out what is JSON but no node where the edit takes it, and says why', async () => {
    const trees = new Trees();
    const root = trees.put(Buffer.from(`{"nodes":[{"name":"..","type":"file"},${encodeNode(fileNode('x', [], 0))}]}\n`));
    await assert.rejects(trees.rewriter(keepAll).rewrite(root), { code: 'damaged' });
    const told: string[] = [];
    const edit: TreeEdit = { ...keepAll, onBadNode: (path, { message }) => void told.push(`${displayPath(path)} ${message}`) };
    const { tree } = await trees.rewriter(edit).rewrite(root);
    assert.deepEqual([trees.names(tree), told], [['x'], ['/ the name of a node is empty, a dot, or has a slash or NUL']]);
  });

  it('takes a tree that is no JSON for lost as a whole', async () => {
    const trees = new Trees();
    const bad = trees.put(Buffer.from('{"nodes":[{"name":"x"'));
    const root = trees.nodes([directoryNode('bad', bad)]);
    const told: string[] = [];
    const edit: TreeEdit = {
      ...keepAll,
      onLostTree: (_tree, path) => (told.push(displayPath(path)), 'empty'),
      onBadNode: () => told.push('node'),
    };
    assert.deepEqual([trees.names((await trees.rewriter(edit).rewrite(root)).tree), told], [['bad'], ['/bad']]);
  });
});
