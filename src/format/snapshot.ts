/** Snapshot files: what was backed up when, and the tree with it. Field order is that of restic's Snapshot structure. */
import { type AnyId, type BlobId, isId, type SnapshotId } from '../base/ids.ts';
import { encodeString } from './go-json.ts';
import { isTime, parseTime, zeroTime } from './go-time.ts';
import {
  asObject,
  damaged,
  type JsonObject,
  optionalArray,
  optionalString,
  optionalUint32,
  optionalUint64,
  readDocument,
} from './json-document.ts';
import type { Uint64 } from './node.ts';

export interface Snapshot {
  /** RFC 3339 with the offset of the machine that wrote it. */
  readonly time: string;
  readonly parent?: SnapshotId;
  readonly tree: BlobId;
  readonly paths: readonly string[];
  /** '' when unknown, as are the next three */
  readonly hostname: string;
  readonly username: string;
  readonly uid: number;
  readonly gid: number;
  readonly excludes: readonly string[];
  readonly tags: readonly string[];
  /** The first of a chain of snapshots of which each replaced the one before. */
  readonly original?: SnapshotId;
  readonly programVersion?: string;
  readonly summary?: SnapshotSummary;
}

/** A snapshot that was read: `timeNs` is its time in nanoseconds since 1970. */
export interface DecodedSnapshot extends Snapshot {
  readonly timeNs: bigint;
}

/** Counts and bytes of the backup; `Added` before and `AddedPacked` after compression. */
export interface SnapshotSummary {
  readonly backupStart: string;
  readonly backupEnd: string;
  readonly filesNew: Uint64;
  readonly filesChanged: Uint64;
  readonly filesUnmodified: Uint64;
  readonly dirsNew: Uint64;
  readonly dirsChanged: Uint64;
  readonly dirsUnmodified: Uint64;
  readonly dataBlobs: Uint64;
  readonly treeBlobs: Uint64;
  readonly dataAdded: Uint64;
  readonly dataAddedPacked: Uint64;
  readonly totalFilesProcessed: Uint64;
  readonly totalBytesProcessed: Uint64;
}

/** The JSON text, byte for byte as restic writes it. */
export function encodeSnapshot(snapshot: Snapshot): Buffer {
  const { time, parent, tree, original, programVersion = '', summary } = snapshot;
  let text = `{"time":"${time}"`;
  if (parent !== undefined) text += `,"parent":"${parent}"`;
  text += `,"tree":"${tree}","paths":${encodeStrings(snapshot.paths)}`;
  text += encodeOptional('hostname', snapshot.hostname) + encodeOptional('username', snapshot.username);
  if (snapshot.uid !== 0) text += `,"uid":${snapshot.uid}`;
  if (snapshot.gid !== 0) text += `,"gid":${snapshot.gid}`;
  if (snapshot.excludes.length > 0) text += `,"excludes":${encodeStrings(snapshot.excludes)}`;
  if (snapshot.tags.length > 0) text += `,"tags":${encodeStrings(snapshot.tags)}`;
  if (original !== undefined) text += `,"original":"${original}"`;
  text += encodeOptional('program_version', programVersion);
  if (summary !== undefined) text += `,"summary":${encodeSummary(summary)}`;
  return Buffer.from(`${text}}`, 'utf8');
}

/** @throws HoldfastError `damaged` when a field is not what it must be; fields that are not known are left out */
export function decodeSnapshot(bytes: Uint8Array): DecodedSnapshot {
  return readDocument(bytes, 'a snapshot', (raw) => {
    const time = readTime(raw['time'], 'the time of a snapshot');
    return {
      time,
      timeNs: parseTime(time),
      tree: readId<BlobId>(raw['tree'], 'the tree of a snapshot'),
      paths: readStrings(raw['paths'], 'the paths of a snapshot'),
      hostname: optionalString(raw['hostname'], 'the hostname of a snapshot') ?? '',
      username: optionalString(raw['username'], 'the username of a snapshot') ?? '',
      uid: optionalUint32(raw['uid'], 'the uid of a snapshot') ?? 0,
      gid: optionalUint32(raw['gid'], 'the gid of a snapshot') ?? 0,
      excludes: readStrings(raw['excludes'], 'the excludes of a snapshot'),
      tags: readStrings(raw['tags'], 'the tags of a snapshot'),
      ...readOptionalFields(raw),
    };
  });
}

function readOptionalFields(raw: JsonObject): Pick<Snapshot, 'parent' | 'original' | 'programVersion' | 'summary'> {
  const programVersion = optionalString(raw['program_version'], 'the program_version of a snapshot');
  return {
    ...(isAbsent(raw['parent']) ? {} : { parent: readId<SnapshotId>(raw['parent'], 'the parent of a snapshot') }),
    ...(isAbsent(raw['original']) ? {} : { original: readId<SnapshotId>(raw['original'], 'the original of a snapshot') }),
    ...(programVersion === undefined ? {} : { programVersion }),
    ...(isAbsent(raw['summary']) ? {} : { summary: readSummary(asObject(raw['summary'], 'the summary of a snapshot')) }),
  };
}

/** Names of the counts in JSON, in the order in which restic writes them. */
const countKeys = [
  ['filesNew', 'files_new'],
  ['filesChanged', 'files_changed'],
  ['filesUnmodified', 'files_unmodified'],
  ['dirsNew', 'dirs_new'],
  ['dirsChanged', 'dirs_changed'],
  ['dirsUnmodified', 'dirs_unmodified'],
  ['dataBlobs', 'data_blobs'],
  ['treeBlobs', 'tree_blobs'],
  ['dataAdded', 'data_added'],
  ['dataAddedPacked', 'data_added_packed'],
  ['totalFilesProcessed', 'total_files_processed'],
  ['totalBytesProcessed', 'total_bytes_processed'],
] as const;

function encodeSummary(summary: SnapshotSummary): string {
  const counts = countKeys.map(([field, key]) => `,"${key}":${summary[field]}`).join('');
  return `{"backup_start":"${summary.backupStart}","backup_end":"${summary.backupEnd}"${counts}}`;
}

function readSummary(raw: JsonObject): SnapshotSummary {
  const count = (key: string): Uint64 => optionalUint64(raw[key], `${key} of a snapshot`) ?? 0;
  return {
    backupStart: readTime(raw['backup_start'] ?? zeroTime, 'the backup_start of a snapshot'),
    backupEnd: readTime(raw['backup_end'] ?? zeroTime, 'the backup_end of a snapshot'),
    // One by one, and not over countKeys: lists of ten thousand snapshots are read in a moment.
    filesNew: count('files_new'),
    filesChanged: count('files_changed'),
    filesUnmodified: count('files_unmodified'),
    dirsNew: count('dirs_new'),
    dirsChanged: count('dirs_changed'),
    dirsUnmodified: count('dirs_unmodified'),
    dataBlobs: count('data_blobs'),
    treeBlobs: count('tree_blobs'),
    dataAdded: count('data_added'),
    dataAddedPacked: count('data_added_packed'),
    totalFilesProcessed: count('total_files_processed'),
    totalBytesProcessed: count('total_bytes_processed'),
  };
}

function encodeStrings(texts: readonly string[]): string {
  return `[${texts.map(encodeString).join(',')}]`;
}

function encodeOptional(key: string, text: string): string {
  return text === '' ? '' : `,"${key}":${encodeString(text)}`;
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function readTime(value: unknown, what: string): string {
  if (typeof value !== 'string' || !isTime(value)) throw damaged(what, 'is not in the form of RFC 3339');
  return value;
}

function readId<T extends AnyId>(value: unknown, what: string): T {
  if (typeof value !== 'string' || !isId(value)) throw damaged(what, 'is not an id of 64 hexadecimal digits');
  return value as T;
}

function readStrings(value: unknown, what: string): readonly string[] {
  return (optionalArray(value, what) ?? []).map((item) => {
    const text = optionalString(item, what);
    if (text === undefined) throw damaged(what, 'has something else than text');
    return text;
  });
}
