/**
 * What change detection needs of the parent's tree, and no more: most nodes of a backup are only compared.
 *
 * A tree as restic and Holdfast write it, with plain names, is read by looking for the keys in their order; any other is decoded
 * in full, with the same outcome.
 */
import { isAscii } from 'node:buffer';
import { type BlobId, isId } from '../base/ids.ts';
import type { NodeType } from './file-mode.ts';
import type { QuotedName } from './go-quote.ts';
import { Literal } from './json-literal.ts';
import { JsonScanner } from './json-scanner.ts';
import { encodeContent } from './node-encoder.ts';
import type { Uint64 } from './node.ts';
import { decodeTree, isNodeType, isUnsafePlainName } from './tree.ts';
import { asBuffer } from './utf8.ts';

export interface ParentEntry {
  readonly type: NodeType;
  /** As text; times that are equal may differ in their offset, see parseTime. */
  readonly mtime: string;
  readonly ctime: string;
  readonly inode: Uint64;
  readonly size: Uint64;
  /** JSON text that encodeNodeFields takes as it is; see contentLength and contentIdAt. */
  readonly content: string;
  readonly subtree: BlobId | undefined;
}

export type ParentEntries = ReadonlyMap<QuotedName, ParentEntry>;

/** @throws HoldfastError as decodeTree */
export function parentEntries(tree: Uint8Array): ParentEntries {
  return (isAscii(tree) ? new UsualTree(tree).read() : undefined) ?? entriesOf(tree);
}

const treeStart = new Literal('{"nodes":[');
const treeEnd = new Literal('}]}\n');
const nodeStart = new Literal('{"name":"');
const nextNode = new Literal('},{"name":"');
const typeKey = new Literal(',"type":"');
const modeKey = new Literal(',"mode":');
const mtimeKey = new Literal(',"mtime":"');
const atimeKey = new Literal(',"atime":"');
const ctimeKey = new Literal(',"ctime":"');
const uidKey = new Literal(',"uid":');
const gidKey = new Literal(',"gid":');
const userKey = new Literal(',"user":"');
const groupKey = new Literal(',"group":"');
const inodeKey = new Literal(',"inode":');
const deviceIdKey = new Literal(',"device_id":');
const sizeKey = new Literal(',"size":');
const linksKey = new Literal(',"links":');
const linkTargetKey = new Literal(',"linktarget":');
const attributesKey = new Literal(',"extended_attributes":');
const contentKey = new Literal(',"content":');
const nullText = new Literal('null');
const subtreeKey = new Literal(',"subtree":"');
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;

/** Gives up, rather than complains, about whatever it does not expect. */
class UsualTree {
  readonly #scanner: JsonScanner;
  readonly #text: string;
  readonly #id = new Uint8Array(32);

  /** Pure ASCII: bytes and characters have the same positions. */
  constructor(tree: Uint8Array) {
    this.#scanner = new JsonScanner(tree, 'a tree');
    this.#text = asBuffer(tree).toString('latin1');
  }

  read(): ParentEntries | undefined {
    const scanner = this.#scanner;
    const entries = new Map<QuotedName, ParentEntry>();
    if (!scanner.acceptLiteral(treeStart) || !scanner.acceptLiteral(nodeStart)) return undefined;
    do {
      const name = this.#plainText();
      const entry = isUnsafePlainName(name) ? undefined : this.#readEntry();
      if (entry === undefined) return undefined;
      entries.set(name as QuotedName, entry);
    } while (scanner.acceptLiteral(nextNode));
    return scanner.acceptLiteral(treeEnd) && scanner.position === this.#text.length ? entries : undefined;
  }

  /** From behind the name to the closing brace. */
  #readEntry(): ParentEntry | undefined {
    const scanner = this.#scanner;
    const type = this.#textAt(typeKey);
    if (scanner.acceptLiteral(modeKey)) scanner.passDigits();
    const mtime = this.#textAt(mtimeKey);
    const atime = this.#textAt(atimeKey);
    const ctime = this.#textAt(ctimeKey);
    if (scanner.acceptLiteral(uidKey)) scanner.passDigits();
    if (scanner.acceptLiteral(gidKey)) scanner.passDigits();
    if (scanner.acceptLiteral(userKey)) scanner.passPlainText();
    if (scanner.acceptLiteral(groupKey)) scanner.passPlainText();
    const inode = scanner.acceptLiteral(inodeKey) ? scanner.passDigits() : 0;
    if (scanner.acceptLiteral(deviceIdKey)) scanner.passDigits();
    const size = scanner.acceptLiteral(sizeKey) ? scanner.passDigits() : 0;
    if (scanner.acceptLiteral(linksKey)) scanner.passDigits();
    if (scanner.acceptLiteral(linkTargetKey)) scanner.skipValue();
    if (scanner.acceptLiteral(attributesKey)) scanner.skipValue();
    const content = scanner.acceptLiteral(contentKey) ? this.#readContent() : '';
    const subtree = scanner.acceptLiteral(subtreeKey) ? this.#plainText() : undefined;
    const isUsual = content !== '' && mtime !== '' && atime !== '' && ctime !== '' && Number.isFinite(inode + size) && isNodeType(type);
    if (!isUsual || (subtree !== undefined && !isId(subtree))) return undefined;
    return { type, mtime, ctime, inode, size, content, subtree: subtree as BlobId | undefined };
  }

  #textAt(key: Literal): string {
    return this.#scanner.acceptLiteral(key) ? this.#plainText() : '';
  }

  /** '' when it is none, or empty. */
  #plainText(): string {
    const start = this.#scanner.position;
    const end = this.#scanner.passPlainText();
    return end < 0 ? '' : this.#text.slice(start, end);
  }

  #readContent(): string {
    const scanner = this.#scanner;
    if (scanner.acceptLiteral(nullText)) return 'null';
    const start = scanner.position;
    if (!scanner.accept(openBracket)) return '';
    if (scanner.accept(closeBracket)) return '[]';
    do scanner.readId(this.#id);
    while (scanner.accept(comma));
    return scanner.accept(closeBracket) ? this.#text.slice(start, scanner.position) : '';
  }
}

function entriesOf(tree: Uint8Array): ParentEntries {
  const entries = new Map<QuotedName, ParentEntry>();
  for (const node of decodeTree(tree)) {
    const { type, mtime, ctime, inode = 0, size = 0, subtree } = node;
    entries.set(node.name, { type, mtime, ctime, inode, size, content: encodeContent(node.content), subtree });
  }
  return entries;
}
