/**
 * Does a process of this host still live? Locks and staged files name their owner by host and process id.
 *
 * A process id counts inside a namespace of process ids, a host name inside a namespace of host names, and containers may
 * share one without the other (a container on the host's network carries the host's name). A wrong "gone" would take a
 * living process's lock away, so an answer that cannot be known is "unknown".
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export type ProcessPresence = 'alive' | 'gone' | 'unknown';

/** Inode numbers of the first namespaces of a Linux system: fixed in the kernel's include/linux/proc_ns.h since 3.8. */
const firstNamespaces = { uts: 'uts:[4026531838]', pid: 'pid:[4026531836]' } as const;

/** Whether the process `pid` of the host that this process runs on is there. Other hosts cannot be asked. */
export function processPresence(pid: number): ProcessPresence {
  if (!Number.isSafeInteger(pid) || pid <= 0) return 'unknown';
  if (answersSignals(pid)) return 'alive';
  if (isInsideContainer(pid)) return 'alive';
  // In a container with process ids of its own but the host's name, the owner may live in the host or in a neighbour.
  return !isInFirst('pid') && isInFirst('uts') ? 'unknown' : 'gone';
}

function answersSignals(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Without a proc file system there are no such containers: the plain answer counts. */
function isInFirst(namespace: 'uts' | 'pid'): boolean {
  try {
    return readlinkSync(`/proc/self/ns/${namespace}`) === firstNamespaces[namespace];
  } catch {
    return namespace === 'pid';
  }
}

/** Processes of containers below this one are seen with all their numbers (proc_pid_status(5), NSpid). */
function isInsideContainer(pid: number): boolean {
  const innermost = new RegExp(`^NSpid:\\t\\d+\\t(?:\\d+\\t)*${pid}$`, 'm');
  try {
    return readdirSync('/proc').some((name) => /^\d+$/.test(name) && innermost.test(readStatus(name)));
  } catch {
    return false;
  }
}

function readStatus(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return '';
  }
}
