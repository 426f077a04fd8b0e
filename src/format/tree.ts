/** Trees: the nodes of one directory in a blob, ordered by the bytes of their names. */
import { type BlobId, isId } from '../base/ids.ts';
import type { NodeType } from './file-mode.ts';
import { canonicalName, compareNames, isPlain, type QuotedName, unquoteName } from './go-quote.ts';
import { isTime, zeroTime } from './go-time.ts';
import {
  asObject,
  damaged,
  InexactNumber,
  type JsonObject,
  optionalArray,
  optionalBase64,
  optionalString,
  optionalUint32,
  optionalUint64,
  readDocument,
} from './json-document.ts';
import type { ExtendedAttribute, JsonValue, TreeNode } from './node.ts';

const treeStart = '{"nodes":[';
const treeEnd = ']}\n';
/** A text of this many characters is far from V8's limit even when every one needs its own escape. */
const joinCharacters = 64 * 1024 * 1024;

/** The blob of a tree. `nodes` are JSON texts in the order of their names' bytes. */
export function encodeTree(nodes: readonly string[]): Buffer {
  let characters = 0;
  for (const node of nodes) characters += node.length;
  if (characters <= joinCharacters) return Buffer.from(`${treeStart}${nodes.join(',')}${treeEnd}`, 'utf8');
  const parts: Buffer[] = [Buffer.from(treeStart)];
  nodes.forEach((node, index) => {
    parts.push(Buffer.from(index === 0 ? node : `,${node}`, 'utf8'));
  });
  return Buffer.concat([...parts, Buffer.from(treeEnd)]);
}

/**
 * The nodes of a tree's blob, in the order they have there: see findDisorder. Keys that are not known are left out.
 * @throws HoldfastError `damaged` when a field is not what it must be or a name could lead out of its directory,
 *   `repository-unsupported` when the tree is larger than a text can be
 */
export function decodeTree(bytes: Uint8Array): TreeNode[] {
  return readDocument(bytes, 'a tree', (document) => {
    if (!Array.isArray(document['nodes'])) throw damaged('a tree', 'has no list of nodes');
    return document['nodes'].map(decodeNode);
  });
}

/** Index of the first node whose name does not come after the one before it (very old writers left trees unordered), or -1. */
export function findDisorder(nodes: readonly TreeNode[]): number {
  return nodes.findIndex((node, index) => {
    const previous = nodes[index - 1];
    return previous !== undefined && compareNames(previous.name, node.name) >= 0;
  });
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** @throws HoldfastError `damaged` */
export function decodeNode(value: unknown): TreeNode {
  const raw = asObject(value, 'a node');
  const mtime = nodeTime(raw['mtime']);
  const node: Mutable<TreeNode> = {
    name: nodeName(raw['name']),
    type: nodeType(raw['type']),
    mtime,
    // Most writers copy it, and comparing is quicker than checking.
    atime: raw['atime'] === mtime ? mtime : nodeTime(raw['atime']),
    ctime: nodeTime(raw['ctime']),
    uid: optionalUint32(raw['uid'], 'the uid of a node') ?? 0,
    gid: optionalUint32(raw['gid'], 'the gid of a node') ?? 0,
    content: nodeContent(raw['content']),
  };
  addNumbers(node, raw);
  addTexts(node, raw);
  const subtree = optionalString(raw['subtree'], 'the subtree of a node');
  if (subtree !== undefined) node.subtree = blobId(subtree);
  addAttributes(node, raw);
  return node;
}

function addNumbers(node: Mutable<TreeNode>, raw: JsonObject): void {
  const mode = optionalUint32(raw['mode'], 'the mode of a node');
  const inode = optionalUint64(raw['inode'], 'the inode of a node');
  const deviceId = optionalUint64(raw['device_id'], 'the device_id of a node');
  const size = optionalUint64(raw['size'], 'the size of a node');
  const links = optionalUint64(raw['links'], 'the links of a node');
  const device = optionalUint64(raw['device'], 'the device of a node');
  if (mode !== undefined) node.mode = mode;
  if (inode !== undefined) node.inode = inode;
  if (deviceId !== undefined) node.deviceId = deviceId;
  if (size !== undefined) node.size = size;
  if (links !== undefined) node.links = links;
  if (device !== undefined) node.device = device;
}

function addTexts(node: Mutable<TreeNode>, raw: JsonObject): void {
  const user = optionalString(raw['user'], 'the user of a node');
  const group = optionalString(raw['group'], 'the group of a node');
  const linkTarget = optionalString(raw['linktarget'], 'the linktarget of a node');
  const linkTargetRaw = optionalBase64(raw['linktarget_raw'], 'the linktarget_raw of a node');
  const error = optionalString(raw['error'], 'the error of a node');
  if (user !== undefined) node.user = user;
  if (group !== undefined) node.group = group;
  if (linkTarget !== undefined) node.linkTarget = linkTarget;
  if (linkTargetRaw !== undefined) node.linkTargetRaw = linkTargetRaw;
  if (error !== undefined) node.error = error;
}

function addAttributes(node: Mutable<TreeNode>, raw: JsonObject): void {
  const extended = optionalArray(raw['extended_attributes'], 'the extended_attributes of a node');
  const generic = raw['generic_attributes'] ?? undefined;
  if (extended !== undefined) node.extendedAttributes = extended.map(extendedAttribute);
  if (generic !== undefined) {
    node.genericAttributes = freshObject(asObject(generic, 'the generic_attributes of a node'), genericAttributeDepth);
  }
}

function extendedAttribute(value: unknown): ExtendedAttribute {
  const raw = asObject(value, 'an extended attribute');
  const name = optionalString(raw['name'], 'the name of an extended attribute') ?? '';
  return { name, value: optionalBase64(raw['value'], 'the value of an extended attribute') ?? null };
}

/** What is known there is text and numbers; deeper values would only serve to exhaust the stack. */
const genericAttributeDepth = 16;

function freshObject(raw: JsonObject, depth: number): Record<string, JsonValue> {
  const fresh = Object.create(null) as Record<string, JsonValue>;
  for (const [key, item] of Object.entries(raw)) fresh[key.toWellFormed()] = freshValue(item, depth - 1);
  return fresh;
}

function freshValue(value: unknown, depth: number): JsonValue {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) throw new InexactNumber();
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value as JsonValue;
  if (depth === 0) throw damaged('the generic_attributes of a node', 'are nested too deeply');
  return Array.isArray(value) ? value.map((item) => freshValue(item, depth - 1)) : freshObject(value as JsonObject, depth);
}

function nodeName(value: unknown): QuotedName {
  const name = canonicalName(optionalString(value, 'the name of a node') ?? '');
  const isUnsafe = isPlain(name) ? isUnsafePlainName(name) : isUnsafeName(unquoteName(name));
  if (isUnsafe) throw damaged('the name of a node', 'is empty, a dot, or has a slash or NUL');
  return name;
}

/** Names that would lead out of a directory, or to itself. */
export function isUnsafePlainName(name: string): boolean {
  return name === '' || name === '.' || name === '..' || name.includes('/');
}

function isUnsafeName(name: Buffer): boolean {
  return isUnsafePlainName(name.toString('latin1')) || name.includes(0);
}

const nodeTypes: ReadonlySet<unknown> = new Set<NodeType>(['file', 'dir', 'symlink', 'dev', 'chardev', 'fifo', 'socket', 'irregular', '']);

function nodeType(value: unknown): NodeType {
  const type = value ?? '';
  if (!isNodeType(type)) throw damaged('the type of a node', 'is not known');
  return type;
}

export function isNodeType(type: unknown): type is NodeType {
  return nodeTypes.has(type);
}

function nodeTime(value: unknown): string {
  const text = optionalString(value, 'a time of a node');
  if (text === undefined) return zeroTime;
  if (!isTime(text)) throw damaged('a time of a node', 'is not in the form of RFC 3339');
  return text;
}

function nodeContent(value: unknown): readonly BlobId[] | null {
  const ids = optionalArray(value, 'the content of a node');
  return ids === undefined ? null : ids.map(blobId);
}

function blobId(value: unknown): BlobId {
  if (typeof value !== 'string' || !isId(value)) throw damaged('an id in a node', 'is not 64 hexadecimal digits');
  return value as BlobId;
}
