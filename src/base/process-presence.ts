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

/** Of the times in /proc: USER_HZ, which Linux fixed at 100 for all programs of x86-64 and arm64. */
const ticksPerSecond = 100;
/** /proc gives the time of the last boot in whole seconds, and a clock that is being adjusted moves it by some more. */
const bootTimeToleranceMs = 5_000;

/**
 * Whether the process that has this id now began after that time, and so is another one than whoever had it then: numbers are given again,
 * after a restart of the machine even soon. False where that cannot be known.
 */
export function beganAfter(pid: number, timeMs: number): boolean {
  if (!isInFirst('pid') && isInFirst('uts')) return false;
  try {
    // proc_pid_stat(5): the name, field 2, is in parentheses and may hold anything; field 22 is the start in ticks since boot.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const ticks = Number(fields.slice(fields.lastIndexOf(')') + 2).split(' ')[22 - 3]);
    const bootSeconds = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]);
    return bootSeconds * 1000 + (ticks / ticksPerSecond) * 1000 > timeMs + bootTimeToleranceMs;
  } catch {
    return false;
  }
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
