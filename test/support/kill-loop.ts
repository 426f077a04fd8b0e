/** Kills backups at random moments, again and again, and looks each time at what is left: for the test and for the soak. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compareTrees } from './compare-trees.ts';
import { generateTree, randomNumbers } from './generated-tree.ts';
import { startHoldfast } from './holdfast.ts';
import { run } from './peers.ts';
import type { SharedRepository } from './shared-repository.ts';

export interface KillLoopOptions {
  readonly seed: number;
  readonly rounds: number;
  /** The first snapshot is restored and compared after so many rounds, and at the end. */
  readonly roundsPerRestore: number;
  readonly report: (line: string) => void;
}

/** Moments that follow from what is there: random ones meet the short steps at the end of a backup too seldom. */
const milestones = ['locks', 'tmp', 'data', 'index', 'snapshots'] as const;
const folders = ['source', 'first'] as const;

/** How often each outcome came up, by the name of what was there when the kill came. */
export type KillCounts = Readonly<Record<string, number>>;

export async function killLoop(shared: SharedRepository, options: KillLoopOptions): Promise<KillCounts> {
  const { rounds, roundsPerRestore, report } = options;
  const [source, first] = folders.map((name) => join(shared.folder, name)) as [string, string];
  const random = randomNumbers(options.seed);
  generateTree(join(source, 'old'), { seed: options.seed, fileCount: 400, maxFileBytes: 100_000 });
  assert.equal((await run('cp', ['-a', source, first])).code, 0);
  await shared.holdfast(['backup', '--tag', 'first', 'source'], { cwd: shared.folder });
  generateTree(join(source, 'new'), { seed: options.seed + 1, fileCount: 2500, maxFileBytes: 150_000 });
  const durationMs = await timeOfBackup(shared);
  const counts: Record<string, number> = {};
  for (let round = 1; round <= rounds; round++) {
    generateTree(join(source, `round ${round}`), { seed: options.seed + 100 + round, fileCount: 400, maxFileBytes: 150_000 });
    const milestone = random() < 0.5 ? milestones[Math.floor(random() * milestones.length)] : undefined;
    const delayMs = milestone === undefined ? (0.15 + 0.6 * random()) * durationMs : 20 * random();
    const outcome = await killOnce(shared, milestone, delayMs);
    const text = `${milestone === undefined ? 'after' : `${milestone}, then`} ${delayMs.toFixed(0)} ms: ${outcome}`;
    report(`round ${round}: killed ${text}`);
    counts[outcome] = (counts[outcome] ?? 0) + 1;
    await assertWhole(shared);
    if (round % roundsPerRestore === 0) await assertRestored(shared, first, `first-${round}`);
  }
  await finish(shared, source, first);
  return counts;
}

async function timeOfBackup(shared: SharedRepository): Promise<number> {
  const start = performance.now();
  // A dry run takes about as long, and leaves everything still to be done.
  await shared.holdfast(['backup', '--dry-run', 'source'], { cwd: shared.folder });
  return performance.now() - start;
}

/** @returns what was there that had not been there before: the latest step that the backup had reached */
async function killOnce(shared: SharedRepository, milestone: (typeof milestones)[number] | undefined, delayMs: number): Promise<string> {
  const before = filesIn(shared);
  // The smallest packs: so that some arrive before the end.
  const child = startHoldfast(shared.path, ['backup', '--pack-size', '4', 'source'], { cwd: shared.folder });
  for (const output of [child.stdout, child.stderr]) output?.resume();
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  if (milestone !== undefined) await Promise.race([exit, appears(shared, milestone, before)]);
  await Promise.race([exit, sleep(delayMs)]);
  killGroup(child);
  const [code] = await exit;
  if (code === 0) return 'finished';
  const after = filesIn(shared);
  return milestones.findLast((name) => [...after].some((path) => path.startsWith(`${name}/`) && !before.has(path))) ?? 'nothing';
}

/** The launcher and, where it had to start another Node, that one too. */
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It had come to its end.
  }
}

async function appears(shared: SharedRepository, folder: string, before: ReadonlySet<string>): Promise<void> {
  for (;;) {
    if ([...filesIn(shared, folder)].some((path) => !before.has(path))) return;
    await sleep(1);
  }
}

function filesIn(shared: SharedRepository, folder?: string): Set<string> {
  const found = new Set<string>();
  for (const name of folder === undefined ? milestones : [folder]) {
    for (const path of list(join(shared.path, name))) found.add(`${name}/${path}`);
  }
  return found;
}

/** Files come and go while this looks. */
function list(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
}

/** restic sees that the process of the lock is gone, and finds nothing wrong; packs that no index knows are no error. */
async function assertWhole(shared: SharedRepository): Promise<void> {
  await shared.restic(['unlock']);
  assert.deepEqual(shared.lockIds(), [], 'restic takes the lock of the killed process for a living one');
  await shared.check();
}

async function assertRestored(shared: SharedRepository, original: string, name: string, snapshot = 'latest'): Promise<void> {
  const target = join(shared.folder, 'restored', name);
  mkdirSync(target, { recursive: true });
  const filter = snapshot === 'latest' ? ['--tag', 'first'] : [];
  await shared.holdfast(['restore', `${snapshot}:/source`, ...filter, '--target', target]);
  assert.deepEqual(compareTrees(original, target), []);
}

/** The next backup is an ordinary one. */
async function finish(shared: SharedRepository, source: string, first: string): Promise<void> {
  const { lines } = await shared.holdfast(['backup', '--tag', 'last', 'source'], { cwd: shared.folder });
  const id = lines.findLast((line) => line['message_type'] === 'summary')?.['snapshot_id'];
  assert.ok(typeof id === 'string');
  await shared.check('--read-data');
  await assertRestored(shared, first, 'first');
  await assertRestored(shared, source, 'last', id);
  assert.deepEqual(shared.lockIds(), []);
}
