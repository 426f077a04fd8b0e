/** Runs bin/holdfast as a person does, with a home of its own, and reads what its JSON output says. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testPassword } from './new-repository.ts';
import { type PeerRun, type RunOptions, run } from './peers.ts';

export const holdfastPath = fileURLToPath(new URL('../../bin/holdfast', import.meta.url));

/** One line of JSON output, and the same with numbers alone: what most tests look at. */
export type JsonLine = Readonly<Record<string, unknown>>;

export interface HoldfastRun extends PeerRun {
  /** The lines of stdout and stderr that are JSON objects, stdout's first. */
  readonly lines: readonly JsonLine[];
}

export interface HoldfastOptions extends RunOptions {
  /** A program and its arguments in front, which then runs Holdfast. */
  readonly prefix?: readonly string[];
}

/**
 * Runs a command with --json on a repository with the password of new-repository.ts.
 *
 * @param options `env` may replace HOLDFAST_PASSWORD
 */
export async function runHoldfast(repository: string, args: readonly string[], options: HoldfastOptions = {}): Promise<HoldfastRun> {
  const home = mkdtempSync(join(tmpdir(), 'holdfast-home-'));
  try {
    const env = { ...holdfastEnvironment(repository, home), ...options.env };
    const [program = holdfastPath, ...words] = [...(options.prefix ?? []), holdfastPath, '--json', ...args];
    const result = await run(program, words, { ...options, env });
    return { ...result, lines: [...jsonLines(result.stdout), ...jsonLines(result.stderr)] };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Like runHoldfast, for a command that has to succeed. */
export async function holdfast(repository: string, args: readonly string[], options: HoldfastOptions = {}): Promise<HoldfastRun> {
  const result = await runHoldfast(repository, args, options);
  assert.equal(result.code, 0, `holdfast ${args.join(' ')}: ${result.stderr}`);
  return result;
}

/** The caller's environment without what would choose another repository, or remember anything from one test to the next. */
export function holdfastEnvironment(repository: string, home = '/nonexistent'): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !/^(?:(?:RESTIC|HOLDFAST)_|XDG_STATE_HOME$)/u.test(name)) env[name] = value;
  }
  return { ...env, HOME: home, XDG_CACHE_HOME: sharedCache(), HOLDFAST_REPOSITORY: repository, HOLDFAST_PASSWORD: testPassword };
}

/** Compiled code only: with a cache of its own each of hundreds of commands would compile all sources anew. */
function sharedCache(): string {
  const folder = join(tmpdir(), `holdfast-tests-cache-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** Starts a command in a process group of its own, so that a test can end all of it: `process.kill(-pid, ...)`. */
export function startHoldfast(
  repository: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): ChildProcess {
  const env = { ...holdfastEnvironment(repository), ...options.env };
  return spawn(holdfastPath, args, { cwd: options.cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
}

/** The last line of this type. */
export function messageOf(lines: readonly JsonLine[], type: string): JsonLine {
  const line = lines.findLast((candidate) => candidate['message_type'] === type);
  assert.ok(line !== undefined, `there is no '${type}' among ${lines.length} lines: ${JSON.stringify(lines.slice(-3))}`);
  return line;
}

/** The numbers of the summary that ends a backup, a restore or a check. */
export function summaryOf(result: { readonly lines: readonly JsonLine[] }): Readonly<Record<string, number>> {
  const numbers = Object.entries(messageOf(result.lines, 'summary')).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  return Object.fromEntries(numbers);
}

/** The id of the snapshot that a backup made. */
export function snapshotOf(result: { readonly lines: readonly JsonLine[] }): string {
  const id = messageOf(result.lines, 'summary')['snapshot_id'];
  assert.ok(typeof id === 'string', 'no snapshot was made');
  return id;
}

/** The lines that are JSON objects; other output is passed over. */
export function jsonLines(text: string): JsonLine[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as JsonLine);
}
