/** Runs a program to its end under GNU time. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Measured {
  readonly wallSeconds: number;
  /** User and system time of all threads. */
  readonly cpuSeconds: number;
  /** Most memory that was resident at once. */
  readonly peakBytes: number;
  readonly stdout: string;
}

const outputLimitBytes = 256 * 1024 * 1024;

/**
 * @param scratch a folder for the file that GNU time writes
 * @throws Error with what the program said, unless its exit code is 0
 */
export function measure(program: string, args: readonly string[], env: Readonly<Record<string, string>>, scratch: string): Measured {
  const timesFile = join(scratch, 'times');
  const start = performance.now();
  // Nothing of this process runs meanwhile.
  const result = spawnSync('/usr/bin/time', ['--quiet', '--output', timesFile, '--format', '%U %S %M', program, ...args], {
    env,
    cwd: scratch,
    encoding: 'utf8',
    maxBuffer: outputLimitBytes,
  });
  const wallSeconds = (performance.now() - start) / 1000;
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${result.status ?? result.signal}: ${result.stderr.slice(-2000)}`);
  const [user, system, peakKiB] = readFileSync(timesFile, 'utf8').trim().split(' ').map(Number);
  if (user === undefined || system === undefined || peakKiB === undefined) throw new Error(`${timesFile} is not what GNU time writes`);
  return { wallSeconds, cpuSeconds: user + system, peakBytes: peakKiB * 1024, stdout: result.stdout };
}
