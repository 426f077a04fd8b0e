/**
 * A source folder with every kind of node that the user may create: contents around the borders of chunks, names that are hard to
 * encode, links, special files, modes, times, attributes. The same names and contents each time; inodes and ctimes are new.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, ftruncateSync, linkSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK } from '../../src/posix/constants.ts';
import { checked } from '../../src/posix/errno.ts';
import { libc } from '../../src/posix/libc.ts';
import { cName } from '../../src/posix/names.ts';
import { makeDev } from '../../src/posix/statx.ts';
import { setAttribute } from '../../src/posix/xattrs.ts';
import { oddNames } from './odd-names.ts';
import { pseudoRandomBytes } from './pseudo-random.ts';
import { setTimes } from './set-times.ts';

const kib = 1024;
const mib = 1024 * kib;
const secondNs = 1_000_000_000n;

export interface OddTreeOptions {
  /** Leaves out ACLs, where setfacl is missing or the file system has none. */
  readonly withoutAcls?: boolean;
}

export const isRoot = process.getuid?.() === 0;

/** Builds the tree in a new folder at this path. */
export function buildOddTree(folder: string, options: OddTreeOptions = {}): void {
  mkdirSync(folder);
  const at = (name: string | Buffer): Buffer => Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name)]);
  buildContents(at);
  buildNames(at);
  buildLinks(at);
  buildSpecialFiles(at);
  buildFolders(at);
  buildAttributes(at, options);
  if (isRoot) buildOwners(at);
  buildModes(at);
  buildTimes(at);
}

type At = (name: string | Buffer) => Buffer;

/** The smallest chunk has 512 KiB, the largest 8 MiB: files that end just before, at and after those. */
function buildContents(at: At): void {
  mkdirSync(at('contents'));
  const sizes = [0, 1, 512 * kib - 1, 512 * kib, 512 * kib + 1, 8 * mib + 1];
  for (const size of sizes) writeFileSync(at(`contents/random-${size}`), pseudoRandomBytes(size, size));
  for (const size of [1, 512 * kib, 8 * mib, 8 * mib + 1]) writeFileSync(at(`contents/zeros-${size}`), Buffer.alloc(size));
  writeFileSync(at('contents/text'), 'the same line again and again\n'.repeat(20_000));
  const copy = pseudoRandomBytes(512 * kib, 512 * kib);
  writeFileSync(at('contents/copy-of-another'), copy);
  writeFileSync(at('contents/copy-with-byte-in-front'), Buffer.concat([Buffer.from('x'), pseudoRandomBytes(3 * mib, 7)]));
  writeFileSync(at('contents/copy-without'), pseudoRandomBytes(3 * mib, 7));
  buildSparseFiles(at);
}

function buildSparseFiles(at: At): void {
  sparseFile(at('contents/hole-only'), 3 * mib, []);
  sparseFile(at('contents/hole-in-front'), 2 * mib, [[2 * mib - 5, 'data!']]);
  sparseFile(at('contents/hole-at-end'), 5 * mib + 17, [[0, 'data']]);
  sparseFile(at('contents/holes-between'), 20 * mib, [
    [0, 'one'],
    [9 * mib, 'two'],
    [19 * mib + 1, 'three'],
  ]);
}

function sparseFile(path: Buffer, sizeBytes: number, spans: readonly (readonly [number, string])[]): void {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, sizeBytes);
  for (const [offset, text] of spans) writeSync(fd, text, offset);
  closeSync(fd);
}

/** Each name for a file, and some for folders and links, because those take other ways through the code. */
function buildNames(at: At): void {
  mkdirSync(at('names'));
  mkdirSync(at('folder names'));
  for (const [index, name] of oddNames.entries()) {
    writeFileSync(at(Buffer.concat([Buffer.from('names/'), name])), `content ${index}`);
    const inFolder = Buffer.concat([Buffer.from('folder names/'), name]);
    if (index % 3 === 0) symlinkSync(name, at(inFolder));
    else mkdirSync(at(inFolder));
    if (index % 3 === 1) writeFileSync(at(Buffer.concat([inFolder, Buffer.from('/'), name])), 'inside');
  }
}

function buildLinks(at: At): void {
  mkdirSync(at('links'));
  const targets: Readonly<Record<string, string | Buffer>> = {
    dangling: 'not there',
    absolute: '/etc/hostname',
    upwards: '../../../..',
    folder: '../contents',
    'to itself': 'to itself',
    'not utf-8': Buffer.from([0x2f, 0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80]),
    'html and separators': '<a href="&">\u2028\u2029</a>',
    'control characters': '\x01\n\t\x7f\u0085',
    'u+fffd': '\ufffd',
    // Longest target that ext4 and tmpfs take is PATH_MAX - 1.
    long: 'directory/'.repeat(120),
    longest: 'x'.repeat(4095),
  };
  for (const [name, target] of Object.entries(targets)) symlinkSync(target, at(`links/${name}`));
  buildHardLinks(at);
}

function buildHardLinks(at: At): void {
  mkdirSync(at('links/hard'));
  writeFileSync(at('links/hard/first'), pseudoRandomBytes(700 * kib, 3));
  linkSync(at('links/hard/first'), at('links/hard/second'));
  linkSync(at('links/hard/first'), at('links/third name elsewhere'));
  writeFileSync(at('links/hard/empty'), '');
  linkSync(at('links/hard/empty'), at('links/hard/empty too'));
  symlinkSync('first', at('links/hard/symbolic'));
  linkSync(at('links/hard/symbolic'), at('links/hard/symbolic too'));
}

function buildSpecialFiles(at: At): void {
  mkdirSync(at('special'));
  makeNode(at('special/fifo'), S_IFIFO | 0o640);
  makeNode(at('special/socket'), S_IFSOCK | 0o755);
  if (!isRoot) return;
  makeNode(at('special/character'), S_IFCHR | 0o620, 1, 3);
  makeNode(at('special/block'), S_IFBLK | 0o660, 7, 200);
  makeNode(at('special/large numbers'), S_IFCHR | 0o600, 4000, 1_000_000);
  makeNode(at('special/zero'), S_IFCHR | 0o600, 0, 0);
  linkSync(at('special/character'), at('special/character too'));
}

function makeNode(path: Buffer, mode: number, major = 0, minor = 0): void {
  checked('mknod', path, libc().mknodAt(AT_FDCWD, cName(path), mode, makeDev(major, minor)));
}

function buildFolders(at: At): void {
  mkdirSync(at('folders/empty'), { recursive: true });
  mkdirSync(at(`folders/${'deep/'.repeat(60)}`), { recursive: true });
  writeFileSync(at(`folders/${'deep/'.repeat(60)}leaf`), 'at the bottom');
  mkdirSync(at('folders/many'));
  for (let i = 0; i < 1500; i++) writeFileSync(at(`folders/many/${i}`), i % 3 === 0 ? '' : `content ${i % 500}`);
  mkdirSync(at('folders/read-only'));
  writeFileSync(at('folders/read-only/file'), 'in a folder that is closed for writing');
  mkdirSync(at('folders/sticky'));
  mkdirSync(at('folders/setgid/below'), { recursive: true });
}

function buildAttributes(at: At, { withoutAcls = false }: OddTreeOptions): void {
  mkdirSync(at('attributes/folder'), { recursive: true });
  for (const name of ['one', 'many', 'acl', 'capability', 'trusted']) writeFileSync(at(`attributes/${name}`), name);
  const set = (name: string, attribute: string, value: string | Uint8Array): void => {
    setAttribute(cName(at(`attributes/${name}`)), attribute, Buffer.from(value));
  };
  set('one', 'user.comment', 'a comment');
  set('many', 'user.empty', '');
  set('many', 'user.binary', Buffer.from([0, 255, 1, 254]));
  set('many', 'user.long', 'long '.repeat(300));
  set('many', 'user.<ünicode>&"', '<&>');
  set('folder', 'user.folder', 'folders have attributes too');
  if (!withoutAcls) buildAcls(at);
  if (!isRoot) return;
  // As `setcap cap_net_raw+ep` writes it (linux/capability.h, revision 2).
  set('capability', 'security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex'));
  set('trusted', 'trusted.mark', 'for root only');
  symlinkSync('trusted', at('attributes/link'));
  set('link', 'trusted.link', 'an attribute of the link itself');
}

function buildAcls(at: At): void {
  const setAcl = (...args: string[]): void => void execFileSync('setfacl', args, { stdio: 'pipe' });
  setAcl('-m', 'u:12345:rwx,g:23456:r-x,m::rx', at('attributes/acl').toString());
  setAcl('-m', 'u:12345:r-x', at('attributes/folder').toString());
  setAcl('-d', '-m', 'u:12345:rwx,g::r', at('attributes/folder').toString());
}

/** Ids with and without a name on this machine, and beyond what fits 31 bits. */
function buildOwners(at: At): void {
  mkdirSync(at('owners'));
  const owners = [
    [65534, 65534],
    [54_321, 54_322],
    [1, 2],
    [0, 54_322],
    [4_000_000_000, 4_100_000_000],
  ] as const;
  for (const [uid, gid] of owners) {
    const path = at(`owners/${uid}-${gid}`);
    writeFileSync(path, 'owned');
    checked('chown', path, libc().fchownAt(AT_FDCWD, cName(path), uid, gid, AT_SYMLINK_NOFOLLOW));
  }
  symlinkSync('nowhere', at('owners/link'));
  checked('chown', 'owners/link', libc().fchownAt(AT_FDCWD, cName(at('owners/link')), 54_321, 1, AT_SYMLINK_NOFOLLOW));
}

/** After everything else: chown takes setuid away, and what is closed for writing could not be filled. */
function buildModes(at: At): void {
  mkdirSync(at('modes'));
  const modes = [0o400, 0o444, 0o600, 0o644, 0o666, 0o755, 0o777, 0o4755, 0o2755, 0o1644, 0o7777];
  // Only root reads what nobody may read.
  for (const mode of isRoot ? [...modes, 0, 0o111, 0o4000] : modes) {
    writeFileSync(at(`modes/${mode.toString(8)}`), mode.toString(8));
    chmodSync(at(`modes/${mode.toString(8)}`), mode);
  }
  chmodSync(at('folders/read-only'), 0o555);
  chmodSync(at('folders/sticky'), 0o1777);
  chmodSync(at('folders/setgid'), 0o2775);
}

/** ext4 keeps years from 1901 to 2446; restic restores no year after 2262. */
function buildTimes(at: At): void {
  mkdirSync(at('times'));
  const times: Readonly<Record<string, bigint>> = {
    nanoseconds: 1_700_000_000n * secondNs + 123_456_789n,
    milliseconds: 1_700_000_000n * secondNs + 120_000_000n,
    'one nanosecond': 1_700_000_000n * secondNs + 1n,
    'last nanosecond': 1_700_000_000n * secondNs + 999_999_999n,
    epoch: 0n,
    'before 1970': -1n,
    'long before 1970': -1_000_000_000n * secondNs + 500_000_000n,
    // Zones had offsets with seconds in them then.
    'local mean time': -2_100_000_000n * secondNs + 5n,
    'summer time': 1_720_000_000n * secondNs + 100n,
    'after 2038': 4_000_000_000n * secondNs + 42n,
    'after 2106': 5_000_000_000n * secondNs + 42n,
  };
  for (const [name, time] of Object.entries(times)) {
    writeFileSync(at(`times/${name}`), name);
    setTimes(at(`times/${name}`), time + 3n, time);
  }
  setTimes(at('links/dangling'), 4_000_000_000n * secondNs, -86_400n * secondNs + 1n);
  setTimes(at('special/fifo'), 5n, 1_111_111_111_111_111_111n);
  setTimes(at('folders/empty'), 7n, 1_222_222_222_222_222_222n);
  setTimes(at('folders/read-only'), 7n, 1_333_333_333_333_333_333n);
}
