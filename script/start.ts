/** The demonstration behind script/start: drives the command line as a person would, and reports what its JSON says. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, statfsSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Measured, report } from './start-report.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const holdfast = join(root, 'bin/holdfast');
// Of a backup and of a restore: finished, but some items could not be read or written.
const partialExitCode = 3;
// JSON output has a line for every file that failed; the rest is small.
const outputLimitBytes = 512 * 1024 * 1024;

interface Outcome {
  readonly output: string;
  readonly failures: number;
  readonly seconds: number;
}

process.exitCode = demonstrate(process.argv.slice(2));

function demonstrate(args: readonly string[]): number {
  const paths = (args.length === 0 ? ['/usr/share', root] : args).map((path) => resolve(path)).filter(isThere);
  if (paths.length === 0) throw new Error('there is nothing to back up');
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-start-'));
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  const repository = join(folder, 'repository');
  const run = (command: string, ...rest: string[]): Outcome =>
    runHoldfast(command, ['--repo', repository, '--password-file', passwordFile, '--json', ...rest]);

  console.log(`Backing up ${paths.join(' and ')} into ${repository}`);
  run('init');
  // A repository that saves itself would never come to an end.
  const first = run('backup', '--exclude', folder, ...paths);
  const again = run('backup', '--exclude', folder, ...paths);
  const measured: Measured = {
    version: spawnSync(holdfast, ['--version'], { encoding: 'utf8' }).stdout.trim(),
    node: process.version,
    cores: availableParallelism(),
    folder,
    repository,
    passwordFile,
    repositoryBytes: sizeOf(repository),
    first: { summary: summaryOf(first), failures: first.failures },
    again: { summary: summaryOf(again), failures: again.failures },
    ...restoreAndCompare(run, paths, folder, summaryOf(first)['total_bytes_processed'] ?? 0),
    check: { seconds: run('check', '--read-data').seconds },
  };
  console.log(report(measured));
  return (measured.restore?.differences.length ?? 0) === 0 ? 0 : 1;
}

function restoreAndCompare(
  run: (command: string, ...rest: string[]) => Outcome,
  paths: readonly string[],
  folder: string,
  bytes: number,
): Pick<Measured, 'restore'> {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < bytes * 1.1) return {};
  const target = join(folder, 'restored');
  const outcome = run('restore', 'latest', '--target', target, '--verify');
  const differences = paths.flatMap((path) => compare(path, join(target, path), folder));
  removeTree(target);
  return { restore: { summary: summaryOf(outcome), failures: outcome.failures, seconds: outcome.seconds, differences } };
}

function isThere(path: string): boolean {
  const isThere = existsSync(path);
  if (!isThere) console.error(`${path} is not there`);
  return isThere;
}

/** Runs a command; one that fails ends the demonstration with what it said. */
function runHoldfast(command: string, args: readonly string[]): Outcome {
  process.stderr.write(`  ${command} …\n`);
  const start = performance.now();
  const result = spawnSync(holdfast, [command, ...args], { encoding: 'utf8', maxBuffer: outputLimitBytes });
  const seconds = (performance.now() - start) / 1000;
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0 && result.status !== partialExitCode) {
    console.error(`holdfast ${command} ended with ${result.status ?? result.signal}:\n${lastLines(result.stderr || result.stdout)}`);
    process.exit(1);
  }
  const failures = `${result.stdout}\n${result.stderr}`.split('\n').filter((line) => line.includes('"message_type":"error"')).length;
  return { output: result.stdout, failures, seconds };
}

/** The numbers of the line of JSON output that ends a backup or a restore. */
function summaryOf({ output }: Outcome): Readonly<Record<string, number>> {
  const line = output.split('\n').findLast((text) => text.includes('"message_type":"summary"'));
  if (line === undefined) throw new Error(`there is no summary in: ${lastLines(output)}`);
  const summary = new Map<string, number>();
  for (const [name, value] of Object.entries(JSON.parse(line) as Record<string, unknown>)) {
    if (typeof value === 'number') summary.set(name, value);
  }
  return Object.fromEntries(summary);
}

/** What GNU diff, which knows nothing of Holdfast, finds different between two trees; links are not followed. */
function compare(original: string, copy: string, folder: string): string[] {
  process.stderr.write(`  diff ${original} …\n`);
  const result = spawnSync('diff', ['-rq', '--no-dereference', original, copy], { encoding: 'utf8', maxBuffer: outputLimitBytes });
  const lines = `${result.stdout}\n${result.stderr}`.split('\n');
  return lines.filter((line) => line !== '' && !isWorkFolder(line, folder));
}

/** The working folder is left out of the backup, so diff misses it where it stands inside what is saved. */
function isWorkFolder(line: string, folder: string): boolean {
  const slash = folder.lastIndexOf('/');
  return line === `Only in ${folder.slice(0, slash) || '/'}: ${folder.slice(slash + 1)}`;
}

/** Bytes in all files of a tree. */
function sizeOf(folder: string): number {
  const result = spawnSync('du', ['-s', '--apparent-size', '--block-size=1', folder], { encoding: 'utf8' });
  return Number(result.stdout.split('\t')[0]);
}

function removeTree(folder: string): void {
  spawnSync('chmod', ['-R', 'u+rwx', folder]);
  spawnSync('rm', ['-rf', '--', folder]);
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-5).join('\n');
}
