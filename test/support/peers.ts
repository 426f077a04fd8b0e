/**
 * The programs that Holdfast is compared with. script/test installs the Debian ones and sets HOLDFAST_NEWEST_RESTIC: a path, or empty
 * where the machine cannot have it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export interface Peer {
  /** Absolute path, or a name on the PATH. */
  readonly path: string;
  /** As in '0.19.1'. */
  readonly version: string;
}

export interface PeerRun {
  /** The exit code; 128 plus the number of the signal when one ended the program. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What the program reads from its standard input; nothing when absent. */
  readonly input?: string | Uint8Array;
}

let newest: Peer | 'absent' | undefined;
let system: Peer | 'absent' | undefined;
let restServer: Peer | 'absent' | undefined;
let newestRcloneFound: Peer | 'absent' | undefined;
let systemRcloneFound: Peer | 'absent' | undefined;

/** Debian unstable's restic, fetched once for all processes; undefined where this machine cannot have it. */
export function newestRestic(): Peer | undefined {
  newest ??= resticAt(process.env['HOLDFAST_NEWEST_RESTIC'] ?? fetchPeer('newest-restic')) ?? 'absent';
  return newest === 'absent' ? undefined : newest;
}

/** Debian unstable's rest-server, fetched once for all processes; undefined where this machine cannot have it. */
export function newestRestServer(): Peer | undefined {
  restServer ??= restServerAt(fetchPeer('newest-rest-server')) ?? 'absent';
  return restServer === 'absent' ? undefined : restServer;
}

/** Debian unstable's rclone, fetched once for all processes; undefined where this machine cannot have it. */
export function newestRclone(): Peer | undefined {
  newestRcloneFound ??= rcloneAt(fetchPeer('newest-rclone')) ?? 'absent';
  return newestRcloneFound === 'absent' ? undefined : newestRcloneFound;
}

/** The rclone on the PATH. */
export function systemRclone(): Peer | undefined {
  systemRcloneFound ??= rcloneAt('rclone') ?? 'absent';
  return systemRcloneFound === 'absent' ? undefined : systemRcloneFound;
}

/** The restic on the PATH. */
export function systemRestic(): Peer | undefined {
  system ??= resticAt('restic') ?? 'absent';
  return system === 'absent' ? undefined : system;
}

/** The script takes a lock, so that test files that start together fetch once. */
function fetchPeer(scriptName: string): string {
  const script = fileURLToPath(new URL(`../../script/${scriptName}`, import.meta.url));
  const result = spawnSync(script, { encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim() : '';
}

function resticAt(path: string): Peer | undefined {
  if (path === '') return undefined;
  const result = spawnSync(path, ['version'], { encoding: 'utf8' });
  const version = /^restic (\d+\.\d+\.\d+\S*)/u.exec(result.stdout)?.[1];
  return version === undefined ? undefined : { path, version };
}

function restServerAt(path: string): Peer | undefined {
  if (path === '') return undefined;
  const result = spawnSync(path, ['--version'], { encoding: 'utf8' });
  const version = /rest-server v?(\d+\.\d+\.\d+\S*) compiled/u.exec(result.stdout)?.[1];
  return version === undefined ? undefined : { path, version };
}

function rcloneAt(path: string): Peer | undefined {
  if (path === '') return undefined;
  const result = spawnSync(path, ['version'], { encoding: 'utf8' });
  const version = /^rclone v(\d+\.\d+\.\d+\S*)/u.exec(result.stdout)?.[1];
  return version === undefined ? undefined : { path, version };
}

export type PeerName = 'newest restic' | 'system restic' | 'rest-server' | 'newest rclone' | 'system rclone';

/**
 * The peer. Where it is missing the test is marked as skipped with one line and the caller returns; under CI it fails instead when the
 * machine could have had it.
 */
export function requirePeer(t: Pick<TestContext, 'skip'>, name: PeerName): Peer | undefined {
  const peer = finders[name]();
  if (peer === undefined) reportMissing(t, name, name.startsWith('system ') && canInstallPackages());
  return peer;
}

const finders: Readonly<Record<PeerName, () => Peer | undefined>> = {
  'newest restic': newestRestic,
  'system restic': systemRestic,
  'rest-server': newestRestServer,
  'newest rclone': newestRclone,
  'system rclone': systemRclone,
};

/** Like requirePeer, for a command of one of the packages in script/debian-packages. */
export function requireCommand(t: Pick<TestContext, 'skip'>, command: string): boolean {
  const isThere = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', command]).status === 0;
  if (!isThere) reportMissing(t, command, canInstallPackages());
  return isThere;
}

function reportMissing(t: Pick<TestContext, 'skip'>, name: string, couldBeThere: boolean): void {
  if (process.env['CI'] === 'true' && couldBeThere) throw new Error(`${name} is missing although script/test can install it here`);
  t.skip(`${name} is not on this machine`);
}

function canInstallPackages(): boolean {
  const question = 'command -v apt-get && { [ "$(id -u)" = 0 ] || sudo -n true; }';
  return spawnSync('sh', ['-c', question]).status === 0;
}

/** Runs restic on a repository with an empty home and cache of its own, so that nothing of the machine's user gets in. */
export async function runRestic(
  binary: string,
  repository: string,
  password: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<PeerRun> {
  const home = mkdtempSync(join(tmpdir(), 'holdfast-restic-'));
  const env = { ...withoutRestic(process.env), HOME: home, RESTIC_CACHE_DIR: join(home, 'cache'), RESTIC_PASSWORD: password };
  try {
    return await run(binary, ['--repo', repository, ...args], { ...options, env: { ...env, ...options.env } });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function withoutRestic(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !name.startsWith('RESTIC_')) kept[name] = value;
  }
  return kept;
}

/** Runs a program to its end and gathers what it printed; rejects only when it cannot be started. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<PeerRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: options.cwd, env: options.env ?? process.env, stdio: 'pipe' });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A program that ends before it read everything closes the pipe: its exit code says why.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ code: code ?? signalCode(signal), stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
  });
}

function signalCode(signal: NodeJS.Signals | null): number {
  return 128 + (signal === null ? 0 : constants.signals[signal]);
}
