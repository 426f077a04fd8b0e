/**
 * Headers of a tar archive: POSIX.1-2001 ("pax"). What the 512 bytes of the old header cannot hold goes into a pax header
 * before it: long names, names beyond ASCII, times with nanoseconds, large numbers, extended attributes.
 *
 * Not tar-stream: it makes text of names and attributes, which are bytes, and cuts times at 2038.
 */

export type TarType = 'file' | 'link' | 'symlink' | 'chardev' | 'dev' | 'dir' | 'fifo';

export interface TarEntry {
  /** Relative, with a slash at the end for a directory. */
  readonly name: Buffer;
  readonly type: TarType;
  /** Twelve bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly linkTarget: Buffer;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Further pax records: key to value. */
  readonly records: readonly (readonly [key: string, value: Buffer])[];
}

export const tarBlockBytes = 512;

const typeFlags: Readonly<Record<TarType, string>> = { file: '0', link: '1', symlink: '2', chardev: '3', dev: '4', dir: '5', fifo: '6' };
const paxTypeFlag = 'x';
const nameLength = 100;
const ownerLength = 31;
/** Largest values of the octal fields of 8 and 12 bytes, of which the last one ends the text. */
const maxOctal8 = 0o7777777;
const maxOctal12 = 0o77777777777;
const nanosecondsPerSecond = 1_000_000_000n;

/** All that comes before the content. */
export function encodeTarHeader(entry: TarEntry): Buffer {
  const records = paxRecords(entry);
  const header = encodeBlock(entry, typeFlags[entry.type], entry.sizeBytes);
  if (records.length === 0) return header;
  const body = Buffer.concat(records.map(([key, value]) => encodeRecord(key, value)));
  const paxEntry = { ...entry, name: Buffer.from('PaxHeader'), linkTarget: Buffer.alloc(0) };
  return Buffer.concat([encodeBlock(paxEntry, paxTypeFlag, body.length), body, padding(body.length), header]);
}

/** Zeros up to the next block. */
export function padding(bytes: number): Buffer {
  return Buffer.alloc((tarBlockBytes - (bytes % tarBlockBytes)) % tarBlockBytes);
}

function paxRecords(entry: TarEntry): (readonly [string, Buffer])[] {
  const { name, linkTarget, user, group, mtimeNs } = entry;
  const records: (readonly [string, Buffer])[] = [];
  const add = (isNeeded: boolean, key: string, value: Buffer | string) => isNeeded && records.push([key, Buffer.from(value)]);
  add(!fitsField(name, nameLength), 'path', name);
  add(!fitsField(linkTarget, nameLength), 'linkpath', linkTarget);
  add(!fitsField(Buffer.from(user), ownerLength), 'uname', user);
  add(!fitsField(Buffer.from(group), ownerLength), 'gname', group);
  add(entry.uid > maxOctal8, 'uid', String(entry.uid));
  add(entry.gid > maxOctal8, 'gid', String(entry.gid));
  add(entry.sizeBytes > maxOctal12, 'size', String(entry.sizeBytes));
  add(mtimeNs % nanosecondsPerSecond !== 0n || !isOctalTime(mtimeNs), 'mtime', formatPaxTime(mtimeNs));
  return [...records, ...entry.records];
}

/** Pax values are UTF-8 by definition; bytes that are none stand there as they are, as GNU tar writes and reads them. */
function fitsField(bytes: Buffer, length: number): boolean {
  return bytes.length <= length && bytes.every((byte) => byte < 0x80);
}

function isOctalTime(timeNs: bigint): boolean {
  return timeNs >= 0n && timeNs / nanosecondsPerSecond <= BigInt(maxOctal12);
}

/** Seconds with nine decimals; before 1970 the whole number is negative, decimals included. */
function formatPaxTime(timeNs: bigint): string {
  const magnitude = timeNs < 0n ? -timeNs : timeNs;
  const decimals = (magnitude % nanosecondsPerSecond).toString().padStart(9, '0').replace(/0+$/, '');
  return `${timeNs < 0n ? '-' : ''}${magnitude / nanosecondsPerSecond}${decimals === '' ? '' : `.${decimals}`}`;
}

/** `"<length> <key>=<value>\n"`, where the length counts its own digits too. */
function encodeRecord(key: string, value: Buffer): Buffer {
  const bare = Buffer.byteLength(key) + value.length + ' =\n'.length;
  let length = bare + String(bare).length;
  if (String(length).length > String(bare).length) length += 1;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from('\n')]);
}

function encodeBlock(entry: TarEntry, typeFlag: string, sizeBytes: number): Buffer {
  const block = Buffer.alloc(tarBlockBytes);
  entry.name.copy(block, 0, 0, nameLength);
  writeOctal(block, 100, 8, entry.mode);
  writeOctal(block, 108, 8, entry.uid <= maxOctal8 ? entry.uid : 0);
  writeOctal(block, 116, 8, entry.gid <= maxOctal8 ? entry.gid : 0);
  writeOctal(block, 124, 12, sizeBytes <= maxOctal12 ? sizeBytes : 0);
  writeOctal(block, 136, 12, isOctalTime(entry.mtimeNs) ? Number(entry.mtimeNs / nanosecondsPerSecond) : 0);
  block.fill(' ', 148, 156);
  block.write(typeFlag, 156, 'latin1');
  entry.linkTarget.copy(block, 157, 0, nameLength);
  block.write('ustar\u000000', 257, 'latin1');
  Buffer.from(entry.user).copy(block, 265, 0, ownerLength);
  Buffer.from(entry.group).copy(block, 297, 0, ownerLength);
  writeOctal(block, 329, 8, Math.min(entry.deviceMajor, maxOctal8));
  writeOctal(block, 337, 8, Math.min(entry.deviceMinor, maxOctal8));
  block.write(`${toOctal(checksum(block), 6)}\u0000 `, 148, 'latin1');
  return block;
}

function writeOctal(block: Buffer, at: number, length: number, value: number): void {
  block.write(toOctal(value, length - 1), at, 'latin1');
}

function toOctal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/** Over the block with blanks in place of the checksum. */
function checksum(block: Buffer): number {
  let sum = 0;
  for (const byte of block) sum += byte;
  return sum;
}
