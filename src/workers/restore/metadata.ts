/** The metadata of an entry: out of a tree's node, into the plan and out of it again. */
import { HoldfastError } from '../../base/errors.ts';
import { unixPermissionsOfGoMode } from '../../format/file-mode.ts';
import { parseTime } from '../../format/go-time.ts';
import type { ExtendedAttribute, TreeNode } from '../../format/node.ts';
import { type PatternList } from '../../patterns/pattern-list.ts';
import { pathText } from '../../patterns/path-text.ts';
import { groupId, userId } from '../../posix/accounts.ts';
import type { ByteHeap } from './plan/byte-heap.ts';
import { metadataWord } from './plan/restore-plan.ts';
import type { SharedRows } from './plan/shared-rows.ts';

export interface Attribute {
  /** Ends in NUL. */
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

export interface Metadata {
  /** 0 to 0o7777 */
  readonly permissions: number;
  readonly uid: number;
  readonly gid: number;
  readonly accessSeconds: number;
  readonly accessNanoseconds: number;
  readonly modifySeconds: number;
  readonly modifyNanoseconds: number;
  readonly attributes: readonly Attribute[];
}

export interface MetadataRules {
  /** Owners by the names in the snapshot, where this machine knows them; by their numbers otherwise. */
  readonly ownershipByName: boolean;
  readonly selectsAttribute: (name: string) => boolean;
}

/** @throws HoldfastError `damaged` for an attribute that the kernel could not have had */
export function metadataOf(node: TreeNode, rules: MetadataRules): Metadata {
  const modified = secondsOf(node.mtime);
  const accessed = node.atime === node.mtime ? modified : secondsOf(node.atime);
  return {
    permissions: unixPermissionsOfGoMode(node.mode ?? 0),
    uid: (rules.ownershipByName ? userId(node.user ?? '') : undefined) ?? node.uid,
    gid: (rules.ownershipByName ? groupId(node.group ?? '') : undefined) ?? node.gid,
    accessSeconds: accessed.seconds,
    accessNanoseconds: accessed.nanoseconds,
    modifySeconds: modified.seconds,
    modifyNanoseconds: modified.nanoseconds,
    attributes: (node.extendedAttributes ?? []).filter(({ name }) => rules.selectsAttribute(name)).map(attributeOf),
  };
}

/** restic's rule for --exclude-xattr and --include-xattr: patterns match the whole name, such as `user.*`. */
export function attributeRule(excluded: PatternList | undefined, included: PatternList | undefined): (name: string) => boolean {
  if (excluded !== undefined) return (name) => !excluded.isMatch(pathText(name));
  if (included !== undefined) return (name) => included.isMatch(pathText(name));
  return () => true;
}

/** Files that were made together have equal times. */
let lastTime = '';
let lastSeconds = { seconds: 0, nanoseconds: 0 };

function secondsOf(time: string): { readonly seconds: number; readonly nanoseconds: number } {
  if (time === lastTime) return lastSeconds;
  const timeNs = parseTime(time);
  const nanoseconds = Number(((timeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n);
  lastTime = time;
  lastSeconds = { seconds: Number((timeNs - BigInt(nanoseconds)) / 1_000_000_000n), nanoseconds };
  return lastSeconds;
}

/** XATTR_NAME_MAX of linux/limits.h */
const maxNameBytes = 255;

function attributeOf({ name, value }: ExtendedAttribute): Attribute {
  const bytes = Buffer.from(`${name}\0`);
  if (bytes.length - 1 > maxNameBytes || bytes.indexOf(0) !== bytes.length - 1 || name === '') {
    throw new HoldfastError('damaged', 'an extended attribute has a name that no attribute can have');
  }
  return { name: bytes, value: value ?? new Uint8Array(0) };
}

export function storeMetadata(metadata: Metadata, rows: SharedRows, row: number, heap: ByteHeap): void {
  rows.set(row, metadataWord.permissions, metadata.permissions);
  rows.set(row, metadataWord.uid, metadata.uid);
  rows.set(row, metadataWord.gid, metadata.gid);
  rows.set(row, metadataWord.modifyNanoseconds, metadata.modifyNanoseconds);
  rows.set(row, metadataWord.accessNanoseconds, metadata.accessNanoseconds);
  rows.setFloat(row, metadataWord.modifySeconds, metadata.modifySeconds);
  rows.setFloat(row, metadataWord.accessSeconds, metadata.accessSeconds);
  if (metadata.attributes.length > 0) rows.set(row, metadataWord.attributes, heap.add(encodeAttributes(metadata.attributes)));
}

export function loadMetadata(rows: SharedRows, row: number, heap: ByteHeap): Metadata {
  const attributes = rows.get(row, metadataWord.attributes);
  return {
    permissions: rows.get(row, metadataWord.permissions),
    uid: rows.get(row, metadataWord.uid),
    gid: rows.get(row, metadataWord.gid),
    accessSeconds: rows.getFloat(row, metadataWord.accessSeconds),
    accessNanoseconds: rows.get(row, metadataWord.accessNanoseconds),
    modifySeconds: rows.getFloat(row, metadataWord.modifySeconds),
    modifyNanoseconds: rows.get(row, metadataWord.modifyNanoseconds),
    attributes: attributes === 0 ? noAttributes : decodeAttributes(heap.viewAt(attributes)),
  };
}

const noAttributes: readonly Attribute[] = [];
const numberBytes = 4;

/** Their number; then for each the length of its name, the name with its NUL, the length of its value, the value. */
function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  const parts: Uint8Array[] = [encodeNumber(attributes.length)];
  for (const { name, value } of attributes) parts.push(encodeNumber(name.length), name, encodeNumber(value.length), value);
  return Buffer.concat(parts);
}

function encodeNumber(value: number): Buffer {
  const bytes = Buffer.alloc(numberBytes);
  bytes.writeUInt32LE(value);
  return bytes;
}

function decodeAttributes(bytes: Uint8Array): Attribute[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const nextNumber = (): number => {
    at += numberBytes;
    return view.getUint32(at - numberBytes, true);
  };
  const nextBytes = (): Uint8Array => {
    const length = nextNumber();
    at += length;
    return bytes.subarray(at - length, at);
  };
  return Array.from({ length: nextNumber() }, () => ({ name: nextBytes(), value: nextBytes() }));
}
