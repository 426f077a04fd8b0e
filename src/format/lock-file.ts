/** Lock files: who works on the repository, since when, and whether others may as well. */
import { encodeString } from './go-json.ts';
import { formatTimeNs, parseTime } from './go-time.ts';
import { damaged, optionalBoolean, optionalString, optionalUint32, readDocument } from './json-document.ts';

export interface LockFile {
  /** Of its last refresh, in nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly isExclusive: boolean;
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export function encodeLock(lock: LockFile): Buffer {
  const { hostname, username, pid, uid, gid } = lock;
  let text = `{"time":"${formatTimeNs(lock.timeNs)}","exclusive":${lock.isExclusive}`;
  text += `,"hostname":${encodeString(hostname)},"username":${encodeString(username)},"pid":${pid}`;
  if (uid !== 0) text += `,"uid":${uid}`;
  if (gid !== 0) text += `,"gid":${gid}`;
  return Buffer.from(`${text}}`, 'utf8');
}

/** @throws HoldfastError `damaged` when a field is not what it must be */
export function decodeLock(bytes: Uint8Array): LockFile {
  return readDocument(bytes, 'a lock', (raw) => {
    const time = optionalString(raw['time'], 'the time of a lock');
    if (time === undefined) throw damaged('a lock', 'has no time');
    return {
      timeNs: parseTime(time),
      isExclusive: optionalBoolean(raw['exclusive'], 'the exclusive field of a lock') ?? false,
      hostname: optionalString(raw['hostname'], 'the hostname of a lock') ?? '',
      username: optionalString(raw['username'], 'the username of a lock') ?? '',
      pid: optionalUint32(raw['pid'], 'the pid of a lock') ?? 0,
      uid: optionalUint32(raw['uid'], 'the uid of a lock') ?? 0,
      gid: optionalUint32(raw['gid'], 'the gid of a lock') ?? 0,
    };
  });
}
