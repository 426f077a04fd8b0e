import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { compareTrees } from '../support/compare-trees.ts';
import { chooseSeed, generateTree, randomNumbers } from '../support/generated-tree.ts';
import { startHoldfast, summaryOf } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requirePeer } from '../support/peers.ts';
import { SharedRepository } from '../support/shared-repository.ts';

const eagerCopy = fileURLToPath(new URL('../support/eager-copy.ts', import.meta.url));
const rounds = 6;
const snapshotCount = 3;
/** Each is something new in the destination, in the order in which a copy writes them. */
const milestones = ['locks', 'tmp', 'data', 'index', 'snapshots'] as const;

describe('a copy that is killed', () => {
  it('at any moment leaves a destination without errors, its snapshots whole, and the next one goes on where it ended', async (t) => {
    const scene = await create(t);
    if (scene === undefined) return;
    const { source, destination, seed } = scene;
    const random = randomNumbers(seed);
    const outcomes: string[] = [];
    for (let round = 0; round < rounds; round++) {
      // What an earlier round has copied is no work any more.
      await addSnapshot(source, seed + snapshotCount + round);
      const milestone = milestones[Math.floor(random() * milestones.length)] ?? 'tmp';
      outcomes.push(await killOnce(source, destination, milestone, 60 * random()));
      t.diagnostic(`round ${round}: ${milestone}: ${outcomes.at(-1)}`);
      await destination.restic(['unlock']);
      await destination.check();
    }
    assert.ok(
      outcomes.some((outcome) => outcome !== 'finished' && outcome !== 'nothing'),
      'no kill met a copy at work',
    );
    const left = await wouldCopy(source, destination);
    const report = summaryOf(await destination.holdfast(['copy', '--verify'], { env: from(source) }));
    assert.equal(Number(report['snapshots_copied']) + Number(report['snapshots_skipped']), snapshotCount + rounds);
    assert.equal(report['blobs_copied'], left, 'what had arrived was moved again');
    await destination.check('--read-data');
    const target = join(destination.folder, 'restored');
    await destination.restic(['restore', 'latest', '--target', target]);
    assert.deepEqual(compareTrees(join(source.folder, 'files'), join(target, 'files')), []);
  });

  it('has not worked in vain: what an index names is not moved again', async (t) => {
    const scene = await create(t);
    if (scene === undefined) return;
    const { source, destination } = scene;
    const whole = await wouldCopy(source, destination);
    const child = spawn(process.execPath, [eagerCopy, source.path, destination.path, testPassword], { stdio: 'inherit' });
    const exit = once(child, 'exit');
    await Promise.race([exit, untilIndexed(destination, 2)]);
    child.kill('SIGKILL');
    await exit;
    assert.equal(readdirSync(join(destination.path, 'snapshots')).length, 0, 'it was killed too late');
    const left = await wouldCopy(source, destination);
    assert.ok(left < whole, `${left} of ${whole} blobs are still to be moved`);
    await destination.restic(['unlock']);
    assert.equal(summaryOf(await destination.holdfast(['copy'], { env: from(source) }))['blobs_copied'], left);
    await destination.check('--read-data');
  });
});

async function untilIndexed(shared: SharedRepository, count: number): Promise<void> {
  while (readdirSync(join(shared.path, 'index')).length < count) await sleep(1);
}

interface Scene {
  readonly source: SharedRepository;
  readonly destination: SharedRepository;
  readonly seed: number;
}

/** Some snapshots, each of which adds to what the one before has. */
async function create(t: TestContext): Promise<Scene | undefined> {
  const peer = requirePeer(t, 'newest restic');
  if (peer === undefined) return undefined;
  const seed = chooseSeed((line) => t.diagnostic(line));
  const [source, destination] = [await SharedRepository.create(t, peer), await SharedRepository.create(t, peer)];
  for (let snapshot = 0; snapshot < snapshotCount; snapshot++) await addSnapshot(source, seed + snapshot);
  return { source, destination, seed };
}

async function addSnapshot(source: SharedRepository, seed: number): Promise<void> {
  generateTree(join(source.folder, 'files', `part ${seed}`), { seed, fileCount: 300, maxFileBytes: 400_000 });
  await source.holdfast(['backup', 'files'], { cwd: source.folder });
}

function from(source: SharedRepository): Record<string, string> {
  return { HOLDFAST_FROM_REPOSITORY: source.path, HOLDFAST_FROM_PASSWORD: testPassword };
}

async function wouldCopy(source: SharedRepository, destination: SharedRepository): Promise<number> {
  return Number(summaryOf(await destination.holdfast(['copy', '--dry-run'], { env: from(source) }))['blobs_copied']);
}

/** Kills the copy so long after the milestone was reached. @returns what it had added to the destination */
async function killOnce(
  source: SharedRepository,
  destination: SharedRepository,
  milestone: (typeof milestones)[number],
  delayMs: number,
): Promise<string> {
  const before = filesIn(destination);
  const child = startHoldfast(destination.path, ['copy', '--pack-size', '4'], { cwd: source.folder, env: from(source) });
  for (const output of [child.stdout, child.stderr]) output?.resume();
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const isNew = (name: string): boolean => [...filesIn(destination)].some((path) => path.startsWith(`${name}/`) && !before.has(path));
  const reached = async (): Promise<void> => {
    while (child.exitCode === null && !isNew(milestone)) await sleep(1);
    await sleep(delayMs);
  };
  await Promise.race([exit, reached()]);
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It had come to its end.
  }
  const [code] = await exit;
  return code === 0 ? 'finished' : (milestones.findLast(isNew) ?? 'nothing');
}

function filesIn({ path }: SharedRepository): Set<string> {
  const found = new Set<string>();
  for (const name of milestones) for (const file of list(join(path, name))) found.add(`${name}/${file}`);
  return found;
}

/** Files come and go while this looks. */
function list(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
    );
  } catch {
    return [];
  }
}
