/**
 * What change detection needs of the parent's tree, and no more: most nodes of a backup are only compared.
 *
 * A tree as restic and Holdfast write it is read by looking for its keys; anything else is decoded in full, with the same outcome.
 */
import { type BlobId, isId } from '../base/ids.ts';
import type { NodeType } from './file-mode.ts';
import type { QuotedName } from './go-quote.ts';
import { documentText } from './json-document.ts';
import { encodeContent } from './node-encoder.ts';
import type { Uint64 } from './node.ts';
import { decodeTree, isNodeType, parseNodeName } from './tree.ts';

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

/** @throws HoldfastError as decodeTree, for what it looks at */
export function parentEntries(tree: Uint8Array): ParentEntries {
  return new UsualTree(documentText(tree, 'a tree')).read() ?? entriesOf(tree);
}

const idsPattern = /^\["[0-9a-f]{64}"(?:,"[0-9a-f]{64}")*\]$/;
const digit0 = 0x30;
const digit9 = 0x39;

/**
 * Looks for keys where restic writes them. Sound because a quote within JSON text always follows a backslash, so that a key
 * such as `,"content":` cannot be met inside a name.
 */
class UsualTree {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** undefined when the tree has another form, valid or not */
  read(): ParentEntries | undefined {
    const entries = new Map<QuotedName, ParentEntry>();
    if (!this.#accept('{"nodes":[')) return undefined;
    do {
      const name = this.#accept('{"name":"') ? this.#rawText() : undefined;
      const entry = name === undefined ? undefined : this.#readEntry();
      if (name === undefined || entry === undefined) return undefined;
      entries.set(parseNodeName(name), entry);
    } while (this.#accept(','));
    return this.#accept(']}\n') && this.#at === this.#text.length ? entries : undefined;
  }

  /** From behind the name to behind the node's brace. */
  #readEntry(): ParentEntry | undefined {
    const type = this.#accept(',"type":"') ? this.#rawText() : '';
    if (this.#accept(',"mode":')) this.#digits();
    const mtime = this.#accept(',"mtime":"') ? this.#rawText() : '';
    const atime = this.#accept(',"atime":"') ? this.#rawText() : '';
    const ctime = this.#accept(',"ctime":"') ? this.#rawText() : '';
    this.#skipOwner();
    const inode = this.#accept(',"inode":') ? this.#number() : 0;
    if (this.#accept(',"device_id":')) this.#digits();
    const size = this.#accept(',"size":') ? this.#number() : 0;
    const content = this.#readContent();
    const subtree = this.#accept(',"subtree":"') ? this.#rawText() : undefined;
    const isUsual = mtime !== '' && atime !== '' && ctime !== '' && isNodeType(type) && (subtree === undefined || isId(subtree));
    if (!isUsual || content === undefined || !this.#accept('}')) return undefined;
    return { type, mtime, ctime, inode, size, content, subtree: subtree as BlobId | undefined };
  }

  #skipOwner(): void {
    if (this.#accept(',"uid":')) this.#digits();
    if (this.#accept(',"gid":')) this.#digits();
    if (this.#accept(',"user":"')) this.#rawText();
    if (this.#accept(',"group":"')) this.#rawText();
  }

  /** What may come before (links, target, attributes of Linux) is passed; generic attributes may nest and are left to the decoder. */
  #readContent(): string | undefined {
    const key = ',"content":';
    const found = this.#text.indexOf(key, this.#at);
    if (found < 0 || (found > this.#at && this.#text.slice(this.#at, found).includes('"generic_attributes"'))) return undefined;
    this.#at = found + key.length;
    if (this.#accept('null')) return 'null';
    if (this.#accept('[]')) return '[]';
    const end = this.#text.indexOf(']', this.#at) + 1;
    const content = this.#text.slice(this.#at, end);
    this.#at = end;
    return idsPattern.test(content) ? content : undefined;
  }

  #accept(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  /** The text up to the closing quote, which is passed; '' when escapes in it are not those of valid JSON. */
  #rawText(): string {
    const start = this.#at;
    let end = this.#text.indexOf('"', start);
    if (end < 0) return '';
    const plain = this.#text.slice(start, end);
    this.#at = end + 1;
    if (!plain.includes('\\')) return plain;
    while (isEscaped(this.#text, end)) end = this.#text.indexOf('"', end + 1);
    if (end < 0) return '';
    this.#at = end + 1;
    return parseText(this.#text.slice(start - 1, end + 1));
  }

  #digits(): string {
    const start = this.#at;
    while (this.#text.charCodeAt(this.#at) >= digit0 && this.#text.charCodeAt(this.#at) <= digit9) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  #number(): Uint64 {
    const digits = this.#digits();
    const value = Number(digits);
    return Number.isSafeInteger(value) ? value : BigInt(digits);
  }
}

/** Whether an odd number of backslashes stands before the character. */
function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === '\\') backslashes++;
  return backslashes % 2 === 1;
}

function parseText(json: string): string {
  try {
    return String(JSON.parse(json)).toWellFormed();
  } catch {
    return '';
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
