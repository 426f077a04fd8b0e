/** Reads of a tree what a check looks at, node by node: of a directory with a million entries one node is in memory at a time. */
import { HoldfastError } from '../base/errors.ts';
import { idToBytes } from '../base/ids.ts';
import type { NodeType } from './file-mode.ts';
import type { QuotedName } from './go-quote.ts';
import { readDocument } from './json-document.ts';
import { JsonScanner } from './json-scanner.ts';
import type { TreeNode, Uint64 } from './node.ts';
import { decodeNode } from './tree.ts';
import { UsualNodeReader } from './usual-node.ts';

/** Arrays are valid during the call only. */
export interface ScannedNode {
  readonly name: QuotedName;
  readonly type: NodeType;
  readonly sizeBytes: Uint64;
  /** The ids of the content as bytes, one behind the other; null where there is no list. */
  readonly content: Uint8Array | null;
  readonly subtree: Uint8Array | undefined;
}

const endOfInput = -1;

/**
 * Calls `onNode` for each node of a tree's blob, in the order they have there, and says where its JSON text begins and ends.
 * @param onBadNode gets what is wrong with a node that is JSON but no node, and the scan goes on; unless told, it ends the scan
 * @throws HoldfastError as decodeTree does, after the nodes before the one that is wrong
 */
export function scanTree(
  bytes: Uint8Array,
  onNode: (node: ScannedNode, start: number, end: number) => void,
  onBadNode?: (error: HoldfastError) => void,
): void {
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const scanner = new JsonScanner(plain, 'a tree');
  const reader = new UsualNodeReader(scanner, plain);
  let hasNodes = false;
  scanner.readObject((key) => {
    if (key !== 'nodes') return scanner.skipValue();
    if (hasNodes) throw scanner.fail('has two lists of nodes');
    hasNodes = true;
    scanner.readArray(() => {
      scanner.peek();
      const start = scanner.position;
      const node = onBadNode === undefined ? readNode(plain, scanner, reader) : tryNode(plain, scanner, reader, onBadNode);
      if (node !== undefined) onNode(node, start, scanner.position);
    });
  });
  if (!hasNodes) throw scanner.fail('has no list of nodes');
  if (scanner.peek() !== endOfInput) throw scanner.fail('goes on after its end');
}

/** What is no JSON still ends the scan: nobody knows where the next node begins. */
function tryNode(
  bytes: Uint8Array,
  scanner: JsonScanner,
  reader: UsualNodeReader,
  onBadNode: (error: HoldfastError) => void,
): ScannedNode | undefined {
  const start = scanner.position;
  try {
    return readNode(bytes, scanner, reader);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'damaged') throw error;
    scanner.rewind(start);
    scanner.skipValue();
    onBadNode(error);
    return undefined;
  }
}

function readNode(bytes: Uint8Array, scanner: JsonScanner, reader: UsualNodeReader): ScannedNode {
  scanner.peek();
  const start = scanner.position;
  if (reader.read()) {
    const { name, type, sizeBytes } = reader;
    const content = reader.hasContent ? reader.content.subarray(0, reader.contentBytes) : null;
    return { name, type, sizeBytes, content, subtree: reader.hasSubtree ? reader.subtree : undefined };
  }
  scanner.rewind(start);
  scanner.skipValue();
  return fromDecoded(readDocument(bytes.subarray(start, scanner.position), 'a node', decodeNode));
}

function fromDecoded({ name, type, size = 0, content, subtree }: TreeNode): ScannedNode {
  return {
    name,
    type,
    sizeBytes: size,
    content: content === null ? null : Buffer.concat(content.map(idToBytes)),
    subtree: subtree === undefined ? undefined : idToBytes(subtree),
  };
}
