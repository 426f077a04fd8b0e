/** Who holds a lock, and whether that process can still be there. */
import { hostname, userInfo } from 'node:os';
import { beganAfter, processPresence } from '../../base/process-presence.ts';
import type { LockFile } from '../../format/lock-file.ts';

export type LockOwner = Pick<LockFile, 'hostname' | 'username' | 'pid' | 'uid' | 'gid'>;

/** Holders refresh every 5 minutes; a lock that rested so long has none, as restic's design document says ("Locks"). */
export const staleLockMs = 30 * 60_000;

export function currentOwner(): LockOwner {
  const { username, uid, gid } = currentUser();
  return { hostname: hostname(), username, pid: process.pid, uid, gid };
}

/** A user id without an account (a container) has no name; restic leaves the fields empty then. */
function currentUser(): { readonly username: string; readonly uid: number; readonly gid: number } {
  try {
    const { username, uid, gid } = userInfo();
    return { username, uid, gid };
  } catch {
    return { username: '', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  }
}

/**
 * The lock was made on this host, and its process is certainly gone. A younger process with the same number is told apart by the lock's time,
 * but only for locks that are stale anyway: of those a process that lives under a clock that was set lets go by itself.
 */
export function isOwnerGone(lock: LockFile, nowNs: bigint): boolean {
  if (lock.hostname !== hostname()) return false;
  if (processPresence(lock.pid) === 'gone') return true;
  return ageMs(lock, nowNs) > staleLockMs && beganAfter(lock.pid, Number(lock.timeNs / 1_000_000n));
}

/** What `unlock` removes: restic's rule, which counts age on every host. */
export function isStale(lock: LockFile, nowNs: bigint): boolean {
  return ageMs(lock, nowNs) > staleLockMs || isOwnerGone(lock, nowNs);
}

export function ageMs(lock: LockFile, nowNs: bigint): number {
  return Number((nowNs - lock.timeNs) / 1_000_000n);
}

/** "root@server (process 4711)" */
export function describeOwner(lock: LockFile): string {
  return `${lock.username === '' ? `user ${lock.uid}` : lock.username}@${lock.hostname} (process ${lock.pid})`;
}
