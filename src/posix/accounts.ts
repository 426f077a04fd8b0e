/**
 * Names of users and groups, from the C library and so through every name service of the machine (files, SSSD, LDAP,
 * systemd): what restic stores in a snapshot, and what an ordinary `ls -l` prints. Answers are kept for the life of the thread.
 */
import { bindSymbol, loadKoffi } from './bindings.ts';
import { cName } from './names.ts';

/** '' for an id without a name, as restic stores it. */
export function userName(uid: number): string {
  return nameOf('getpwuid_r', uid);
}

export function groupName(gid: number): string {
  return nameOf('getgrgid_r', gid);
}

/** Undefined when this machine knows no user of that name. */
export function userId(name: string): number | undefined {
  return idOf('getpwnam_r', name);
}

export function groupId(name: string): number | undefined {
  return idOf('getgrnam_r', name);
}

type NameLookup = 'getpwuid_r' | 'getgrgid_r';
type IdLookup = 'getpwnam_r' | 'getgrnam_r';

/** What struct passwd and struct group have in common: a pointer to the name first, the id after two pointers. */
interface Account {
  readonly name: string;
  readonly id: number;
}

const names = new Map<string, string>();
const ids = new Map<string, number | undefined>();

function nameOf(call: NameLookup, id: number): string {
  const key = `${call} ${id}`;
  const known = names.get(key);
  if (known !== undefined) return known;
  const name = lookUp(call, 'uint32_t', id)?.name ?? '';
  names.set(key, name);
  return name;
}

function idOf(call: IdLookup, name: string): number | undefined {
  const key = `${call} ${name}`;
  // A name with a NUL inside belongs to nobody; it may come from a damaged snapshot.
  if (!ids.has(key)) ids.set(key, name === '' || name.includes('\0') ? undefined : lookUp(call, 'void *', cName(name))?.id);
  return ids.get(key);
}

const structSizeBytes = 128; // struct passwd has 48 bytes, struct group 32: room to spare
const idOffset = 16;
const rangeError = 34;
/** glibc recommends 1 KB; groups of thousands of members need more, and 16 MB are a broken name service. */
const firstBufferBytes = 4096;
const lastBufferBytes = 16 * 1024 * 1024;

/** @returns undefined also when the name service fails: a backup goes on without the name, as restic's does */
function lookUp(call: NameLookup | IdLookup, keyType: string, key: number | Uint8Array): Account | undefined {
  const koffi = loadKoffi();
  const parameters = [keyType, 'void *', 'void *', 'size_t', 'void *'];
  const foreign = bindSymbol(koffi.load(null), call, 'int', parameters);
  const struct = Buffer.alloc(structSizeBytes);
  const found = Buffer.alloc(8);
  for (let size = firstBufferBytes; size <= lastBufferBytes; size *= 4) {
    const strings = Buffer.alloc(size);
    const result = foreign(key, struct, strings, size, found);
    if (result === rangeError) continue;
    if (result !== 0 || found.readBigUInt64LE() === 0n) return undefined;
    const start = Number(struct.readBigUInt64LE() - koffi.address(strings));
    return { name: strings.toString('utf8', start, strings.indexOf(0, start)), id: struct.readUInt32LE(idOffset) };
  }
  return undefined;
}
