/** Extended attributes, by path (a link at the end is not followed) or by descriptor. */
import { checked, minusErrno } from './errno.ts';
import { libc } from './libc.ts';
import { cName } from './names.ts';

export interface ExtendedAttribute {
  /** With its namespace: 'user.comment', 'security.capability', 'system.posix_acl_access'. */
  readonly name: string;
  readonly value: Buffer;
}

/** A path that ends in NUL, or a descriptor that is open for reading or writing. */
export type AttributeTarget = Uint8Array | number;

/**
 * The attributes in the kernel's order; none where the file system has no attributes.
 *
 * @param onUnreadable an attribute that is listed and cannot be read; without it the first such ends the call
 * @throws HoldfastError when they cannot be listed
 */
export function listAttributes(target: AttributeTarget, onUnreadable?: (name: string, error: unknown) => void): ExtendedAttribute[] {
  const attributes: ExtendedAttribute[] = [];
  for (const name of listNames(target)) {
    try {
      const value = readValue(target, name);
      if (value !== undefined) attributes.push({ name: name.toString('utf8', 0, name.length - 1), value });
    } catch (error) {
      if (onUnreadable === undefined) throw error;
      onUnreadable(name.toString('utf8', 0, name.length - 1), error);
    }
  }
  return attributes;
}

/** @throws HoldfastError, also where the file system has no attributes */
export function setAttribute(target: AttributeTarget, name: string, value: Uint8Array): void {
  const attribute = cName(name);
  const c = libc();
  const result = typeof target === 'number' ? c.fsetXattr(target, attribute, value, 0) : c.setXattr(target, attribute, value, 0);
  checked(`setxattr ${name}`, printable(target), result);
}

/** An attribute that is not there is no error: it is gone, as was wanted. */
export function removeAttribute(target: AttributeTarget, name: string): void {
  const attribute = cName(name);
  const c = libc();
  const result = typeof target === 'number' ? c.fremoveXattr(target, attribute) : c.removeXattr(target, attribute);
  if (result !== noData) checked(`removexattr ${name}`, printable(target), result);
}

/**
 * A path for these calls that goes through a descriptor: works below PATH_MAX however deep the directory is, and does
 * not follow the directory's name a second time. Needs /proc.
 */
export function pathThrough(dirFd: number, name: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${dirFd}/`), name]);
}

const noData = minusErrno('ENODATA');
const notSupported = minusErrno('ENOTSUP');
const rangeError = minusErrno('ERANGE');

const empty = new Uint8Array(0);
const nothing = Buffer.alloc(0);
/** Most files have none, or one ACL or SELinux label: one call each, without asking for the length first. */
let listBuffer: Uint8Array | undefined;
let valueBuffer: Uint8Array | undefined;
const firstGuessBytes = 4096;

function listNames(target: AttributeTarget): Buffer[] {
  listBuffer ??= new Uint8Array(firstGuessBytes);
  const c = libc();
  const call = (room: Uint8Array) => (typeof target === 'number' ? c.flistXattr(target, room) : c.listXattr(target, room));
  const list = readGrowing(call, listBuffer);
  if (list === notSupported || list === noData) return [];
  if (typeof list === 'number') checked('listxattr', printable(target), list);
  return typeof list === 'number' ? [] : splitNames(list);
}

/** Undefined when it has been removed since it was listed. */
function readValue(target: AttributeTarget, name: Uint8Array): Buffer | undefined {
  valueBuffer ??= new Uint8Array(firstGuessBytes);
  const c = libc();
  const call = (room: Uint8Array) => (typeof target === 'number' ? c.fgetXattr(target, name, room) : c.getXattr(target, name, room));
  const value = readGrowing(call, valueBuffer);
  if (typeof value !== 'number') return value;
  if (value === noData || value === notSupported) return undefined;
  checked(`getxattr ${Buffer.from(name.subarray(0, -1)).toString('utf8')}`, printable(target), value);
  return undefined;
}

/** A copy of what the call filled in, or minus errno. The length may grow between two calls, so ask until it fits. */
function readGrowing(call: (room: Uint8Array) => number, firstRoom: Uint8Array): Buffer | number {
  let room = firstRoom;
  for (;;) {
    const length = call(room);
    // Most files have no attributes, and a walk asks for each of them.
    if (length === 0) return nothing;
    if (length > 0) return Buffer.from(room.subarray(0, length));
    if (length !== rangeError) return length;
    const needed = call(empty);
    if (needed < 0) return needed;
    room = new Uint8Array(Math.max(needed, room.length * 2));
  }
}

function splitNames(list: Buffer): Buffer[] {
  const names: Buffer[] = [];
  for (let start = 0; start < list.length; ) {
    const end = list.indexOf(0, start);
    if (end < 0) break;
    names.push(list.subarray(start, end + 1));
    start = end + 1;
  }
  return names;
}

function printable(target: AttributeTarget): string | Uint8Array {
  return typeof target === 'number' ? `descriptor ${target}` : target;
}
