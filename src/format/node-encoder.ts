/**
 * Nodes as JSON, byte for byte as restic writes them: a difference would give a directory another id.
 *
 * Key order is that of restic's Node structure; zero numbers and empty texts are left out, except uid and gid.
 * encodeNodeFields runs once for each file of a backup, in worker threads: it takes one flat object that callers reuse.
 */
import { isUtf8 } from 'node:buffer';
import type { BlobId } from '../base/ids.ts';
import { ByteText } from './byte-text.ts';
import type { NodeType } from './file-mode.ts';
import { encodeBytes, encodeString } from './go-json.ts';
import type { QuotedName } from './go-quote.ts';
import { writeTime } from './go-time.ts';
import type { JsonValue, TreeNode, Uint64 } from './node.ts';
import { asBuffer } from './utf8.ts';

/** What one lstat, readlink and listxattr say. Every property is always there, so that the object keeps its shape. */
export interface NodeFields {
  nameQuoted: QuotedName;
  type: NodeType;
  /** Go's os.FileMode, see goModeOfUnixMode */
  goMode: number;
  mtimeSec: Uint64;
  mtimeNs: number;
  atimeSec: Uint64;
  atimeNs: number;
  ctimeSec: Uint64;
  ctimeNs: number;
  uid: number;
  gid: number;
  /** '' when unknown */
  user: string;
  group: string;
  inode: Uint64;
  deviceId: Uint64;
  /** 0 for everything but files */
  size: Uint64;
  /** restic stores 0 (that is: nothing) for directories, pipes and sockets */
  links: Uint64;
  /** st_rdev of devices, else 0 */
  device: Uint64;
  /** The bytes that readlink gave. */
  linkTarget: Uint8Array | undefined;
  xattrs: readonly { readonly name: string | Uint8Array; readonly value: Uint8Array | null }[] | undefined;
}

/** An object to fill: a file without a name at 1970. */
export function emptyNodeFields(): NodeFields {
  return {
    nameQuoted: '' as QuotedName,
    type: 'file',
    goMode: 0,
    mtimeSec: 0,
    mtimeNs: 0,
    atimeSec: 0,
    atimeNs: 0,
    ctimeSec: 0,
    ctimeNs: 0,
    uid: 0,
    gid: 0,
    user: '',
    group: '',
    inode: 0,
    deviceId: 0,
    size: 0,
    links: 0,
    device: 0,
    linkTarget: undefined,
    xattrs: undefined,
  };
}

const scratch = new ByteText();

/**
 * The JSON text of a node.
 * @param content the JSON text of `content`: `null`, `[]` or an array of ids, see encodeContent
 */
export function encodeNodeFields(fields: NodeFields, content: string, subtree?: BlobId): string {
  scratch.truncate(0);
  writeNodeFields(scratch, fields, content, subtree);
  return scratch.toText(0);
}

/** The same as bytes behind what `out` has already: many nodes in one buffer are the cheapest to hand to another thread. */
export function writeNodeFields(out: ByteText, fields: NodeFields, content: string, subtree?: BlobId): void {
  writeHead(out, fields);
  writeTimes(out, fields);
  out.bytes(ownerBytes(fields.uid, fields.gid, fields.user, fields.group));
  writeNumber(out, inodeKey, fields.inode);
  writeNumber(out, deviceIdKey, fields.deviceId);
  writeNumber(out, sizeKey, fields.size);
  writeNumber(out, linksKey, fields.links);
  if (fields.linkTarget !== undefined) out.text(encodeLinkTarget(fields.linkTarget));
  if (fields.xattrs !== undefined) out.text(encodeAttributes(fields.xattrs));
  writeNumber(out, deviceKey, fields.device);
  out.bytes(contentKey);
  out.text(content);
  if (subtree !== undefined) {
    out.bytes(subtreeKey);
    out.text(subtree);
    out.text('"');
  }
  out.text('}');
}

const nameKey = Buffer.from('{"name":"');
const mtimeKey = Buffer.from(',"mtime":"');
const atimeKey = Buffer.from('","atime":"');
const ctimeKey = Buffer.from('","ctime":"');
const inodeKey = Buffer.from(',"inode":');
const deviceIdKey = Buffer.from(',"device_id":');
const sizeKey = Buffer.from(',"size":');
const linksKey = Buffer.from(',"links":');
const deviceKey = Buffer.from(',"device":');
const subtreeKey = Buffer.from(',"subtree":"');
const contentKey = Buffer.from(',"content":');
const modeKey = Buffer.from(',"mode":');
/** From the end of the name to the end of the type. */
const typeTexts: Readonly<Record<NodeType, Buffer>> = {
  file: Buffer.from('","type":"file"'),
  dir: Buffer.from('","type":"dir"'),
  symlink: Buffer.from('","type":"symlink"'),
  dev: Buffer.from('","type":"dev"'),
  chardev: Buffer.from('","type":"chardev"'),
  fifo: Buffer.from('","type":"fifo"'),
  socket: Buffer.from('","type":"socket"'),
  irregular: Buffer.from('","type":"irregular"'),
  '': Buffer.from('","type":""'),
};

function writeHead(out: ByteText, fields: NodeFields): void {
  const name = fields.nameQuoted;
  out.bytes(nameKey);
  out.text(nameNeedsEscape.test(name) ? encodeString(name).slice(1, -1) : name);
  out.bytes(typeTexts[fields.type]);
  if (fields.goMode === 0) return;
  out.bytes(modeKey);
  out.integer(fields.goMode);
}

function writeTimes(out: ByteText, fields: NodeFields): void {
  out.bytes(mtimeKey);
  const mtimeStart = out.length;
  writeTime(out, fields.mtimeSec, fields.mtimeNs);
  const mtimeLength = out.length - mtimeStart;
  out.bytes(atimeKey);
  if (fields.atimeSec === fields.mtimeSec && fields.atimeNs === fields.mtimeNs) out.repeat(mtimeStart, mtimeLength);
  else writeTime(out, fields.atimeSec, fields.atimeNs);
  out.bytes(ctimeKey);
  writeTime(out, fields.ctimeSec, fields.ctimeNs);
}

function writeNumber(out: ByteText, key: Buffer, value: Uint64): void {
  if (isZero(value)) return;
  out.bytes(key);
  out.integer(value);
}

const lastOwner = { uid: -1, gid: -1, user: '', group: '', bytes: Buffer.alloc(0) };

/** Neighbours nearly always have the same owner, so the last text is kept. */
function ownerBytes(uid: number, gid: number, user: string, group: string): Buffer {
  if (uid !== lastOwner.uid || gid !== lastOwner.gid || user !== lastOwner.user || group !== lastOwner.group) {
    Object.assign(lastOwner, { uid, gid, user, group, bytes: Buffer.from(`",${encodeOwner(uid, gid, user, group)}`, 'utf8') });
  }
  return lastOwner.bytes;
}

/** The JSON text of a decoded node, the same that restic writes for it. */
export function encodeNode(node: TreeNode): string {
  const { inode = 0, deviceId = 0, size = 0, links = 0, device = 0, genericAttributes } = node;
  let text = `${encodeHead(node.name, node.type, node.mode ?? 0)}"mtime":"${node.mtime}","atime":"${node.atime}","ctime":"${node.ctime}",`;
  text += encodeOwner(node.uid, node.gid, node.user ?? '', node.group ?? '') + encodeNumbers(inode, deviceId, size, links);
  const target = node.linkTargetRaw ?? (node.linkTarget === undefined ? undefined : Buffer.from(node.linkTarget, 'utf8'));
  if (target !== undefined) text += encodeLinkTarget(target);
  if (node.extendedAttributes !== undefined) text += encodeAttributes(node.extendedAttributes);
  if (genericAttributes !== undefined && Object.keys(genericAttributes).length > 0) {
    text += `,"generic_attributes":${encodeValue(genericAttributes)}`;
  }
  if (!isZero(device)) text += `,"device":${device}`;
  text += `,"content":${encodeContent(node.content)}`;
  if (node.subtree !== undefined) text += `,"subtree":"${node.subtree}"`;
  return `${text}${encodeText('error', node.error ?? '')}}`;
}

/** The JSON text of `content`, which encodeNodeFields takes. */
export function encodeContent(content: readonly BlobId[] | null): string {
  if (content === null) return 'null';
  return content.length === 0 ? '[]' : `["${content.join('","')}"]`;
}

const idStep = 64 + '","'.length;

/** Number of ids in a text from encodeContent. */
export function contentLength(content: string): number {
  return content === 'null' ? 0 : Math.round((content.length - 1) / idStep);
}

/** The id at `index` of a text from encodeContent, without parsing it. */
export function contentIdAt(content: string, index: number): BlobId {
  const start = '["'.length + index * idStep;
  return content.slice(start, start + 64) as BlobId;
}

const nameNeedsEscape = /["\\<>&]/;

/** Up to and including the comma after the mode. A quoted name holds no control characters. */
function encodeHead(name: QuotedName, type: NodeType, mode: number): string {
  const nameText = nameNeedsEscape.test(name) ? encodeString(name) : `"${name}"`;
  return mode === 0 ? `{"name":${nameText},"type":"${type}",` : `{"name":${nameText},"type":"${type}","mode":${mode},`;
}

function encodeOwner(uid: number, gid: number, user: string, group: string): string {
  return `"uid":${uid},"gid":${gid}${encodeText('user', user)}${encodeText('group', group)}`;
}

function encodeText(key: string, value: string): string {
  return value === '' ? '' : `,"${key}":${encodeString(value)}`;
}

function encodeNumbers(inode: Uint64, deviceId: Uint64, size: Uint64, links: Uint64): string {
  let text = isZero(inode) ? '' : `,"inode":${inode}`;
  if (!isZero(deviceId)) text += `,"device_id":${deviceId}`;
  if (!isZero(size)) text += `,"size":${size}`;
  if (!isZero(links)) text += `,"links":${links}`;
  return text;
}

function isZero(value: Uint64): boolean {
  return value === 0 || value === 0n;
}

/** A target that is not UTF-8 is stored twice: legible with U+FFFD, and exact as base64. */
function encodeLinkTarget(target: Uint8Array): string {
  if (target.length === 0) return '';
  const text = `,"linktarget":${encodeBytes(target)}`;
  return isUtf8(target) ? text : `${text},"linktarget_raw":"${asBuffer(target).toString('base64')}"`;
}

function encodeAttributes(attributes: NonNullable<NodeFields['xattrs']>): string {
  if (attributes.length === 0) return '';
  const texts = attributes.map(({ name, value }) => {
    const nameText = typeof name === 'string' ? encodeString(name) : encodeBytes(name);
    return `{"name":${nameText},"value":${value === null ? 'null' : `"${asBuffer(value).toString('base64')}"`}}`;
  });
  return `,"extended_attributes":[${texts.join(',')}]`;
}

/** Keys of a map come sorted by their bytes from Go; keys that matter here are ASCII. */
function encodeValue(value: JsonValue): string {
  if (typeof value === 'string') return encodeString(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(encodeValue).join(',')}]`;
  const entries = Object.entries(value as Record<string, JsonValue>).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${encodeString(key)}:${encodeValue(item)}`).join(',')}}`;
}
