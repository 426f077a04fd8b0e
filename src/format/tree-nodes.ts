/** Reads a tree node by node: of a directory with a million entries only one node is an object at a time. */
import { JsonScanner } from './json-scanner.ts';
import { readDocument } from './json-document.ts';
import type { TreeNode } from './node.ts';
import { decodeNode } from './tree.ts';

const endOfInput = -1;

/**
 * Calls `onNode` for each node of a tree's blob, in the order they have there.
 * @throws HoldfastError `damaged` as decodeTree, after the nodes before the one that is wrong
 */
export function readTreeNodes(bytes: Uint8Array, onNode: (node: TreeNode) => void): void {
  const scanner = new JsonScanner(bytes, 'a tree');
  let hasNodes = false;
  scanner.readObject((key) => {
    if (key !== 'nodes') return scanner.skipValue();
    if (hasNodes) throw scanner.fail('has two lists of nodes');
    hasNodes = true;
    scanner.readArray(() => {
      scanner.peek();
      const start = scanner.position;
      scanner.skipValue();
      onNode(readDocument(bytes.subarray(start, scanner.position), 'a node', decodeNode));
    });
  });
  if (!hasNodes) throw scanner.fail('has no list of nodes');
  if (scanner.peek() !== endOfInput) throw scanner.fail('goes on after its end');
}
