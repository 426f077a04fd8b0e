/** One round: each operation by one program, then by the other, on copies of the same repository; and what came out is verified. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { argumentsFor, type Contestant, environmentOf, foldersOf, password } from '../contestants.ts';
import { treeSize } from '../listing.ts';
import { measure } from '../measure.ts';
import type { Measurement } from '../measurement.ts';
import { type Place, removeTree, settleDisk } from '../place.ts';
import type { LifeCorpus, Making } from './making.ts';
import { packBytes, type Results } from './results.ts';
import { type LifeOperation, type LifeWork, lifeWorks } from './works.ts';

export interface LifeScene {
  readonly place: Place;
  readonly corpus: LifeCorpus;
  /** The repository that was made. Nobody changes it. */
  readonly base: string;
  /** An empty repository with other keys. */
  readonly template: string;
  readonly results: Results;
  readonly restic: Contestant;
  readonly say: (line: string) => void;
}

/** @throws Error where a program failed, or what it did is not right */
export async function runLifeRound(contestants: readonly Contestant[], scene: LifeScene, round: number): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  // Whoever is second may find warmer caches, so they take turns at being first.
  const order = round % 2 === 1 ? contestants : contestants.toReversed();
  for (const chain of chainsOf(scene.corpus.operations)) {
    for (const one of order) {
      for (const operation of chain) {
        measurements.push(measureOne(one, operation, scene, round));
        if (round === 1) proveWithRestic(one, operation, scene);
        // Lets SIGINT through.
        await breathe();
      }
      removeTree(foldersOf(one, scene.place.folder).repository);
    }
  }
  return measurements;
}

/** Operations that go on where the one before ended belong together. */
function chainsOf(operations: readonly LifeOperation[]): readonly (readonly LifeOperation[])[] {
  const chains: LifeOperation[][] = [];
  for (const operation of operations) {
    const { start }: LifeWork = lifeWorks[operation];
    const last = chains.at(-1);
    if (start.kind === 'continued' && last !== undefined) last.push(operation);
    else chains.push([operation]);
  }
  return chains;
}

/** Programs and their compiled code get into the caches, unmeasured: each does everything once with a tiny repository. */
export async function warmUpLife(
  contestants: readonly Contestant[],
  { place, template, maker, createRepository }: Pick<LifeScene, 'place' | 'template'> & Pick<Making, 'maker' | 'createRepository'>,
): Promise<void> {
  const [tiny, source] = [join(place.folder, 'tiny-files'), join(place.folder, 'tiny-source')];
  mkdirSync(tiny);
  writeFileSync(join(tiny, 'file'), 'tiny');
  const makerEnv = { ...environmentOf(maker, place.folder), RESTIC_REPOSITORY: source };
  await createRepository(source);
  measure(maker.program, argumentsFor('backup', tiny, ''), makerEnv, place.folder);
  for (const one of contestants) {
    const { own, repository } = foldersOf(one, place.folder);
    const env = { ...environmentOf(one, place.folder), RESTIC_FROM_REPOSITORY: source, RESTIC_FROM_PASSWORD: password };
    copyTree(template, repository);
    for (const work of Object.values(lifeWorks)) measure(one.program, work.arguments, env, own);
    removeTree(repository);
  }
  removeTree(source);
  removeTree(tiny);
}

/**
 * restic keeps copies of index, snapshots and trees beside a repository that it uses: it has them all from the start, as on a machine that
 * uses the repository every day. Holdfast needs none for a repository in a folder.
 */
export function warmCaches(contestants: readonly Contestant[], scene: LifeScene): void {
  const { place, base } = scene;
  for (const one of contestants) {
    const { own } = foldersOf(one, place.folder);
    const { cache, kept } = cachesOf(one, place);
    mkdirSync(own, { recursive: true });
    removeTree(cache);
    removeTree(kept);
    // It reads the index, each snapshot and each tree.
    measure(one.program, ['prune', '--dry-run', '--quiet'], { ...lifeEnvironment(one, scene), RESTIC_REPOSITORY: base }, own);
    if (existsSync(cache)) copyTree(cache, kept);
  }
}

function measureOne(one: Contestant, operation: LifeOperation, scene: LifeScene, round: number): Measurement {
  const { place, corpus, results, say } = scene;
  const work: LifeWork = lifeWorks[operation];
  const { own, repository } = foldersOf(one, place.folder);
  const env = lifeEnvironment(one, scene);
  prepare(one, work, scene);
  const packBytesBefore = packBytes(repository);
  settleDisk(place);
  const measured = measure(one.program, work.arguments, env, own);
  say(`  ${place.name}, ${corpus.name}, round ${round}: ${one.name} ${operation} ${measured.wallSeconds.toFixed(2)} s`);
  results.verify(operation, one.name, { repository, stdout: measured.stdout, packBytesBefore });
  const { wallSeconds, cpuSeconds, peakBytes } = measured;
  const record = { place: place.name, corpus: corpus.name, operation, round, contestant: one.name, wallSeconds, cpuSeconds, peakBytes };
  return work.hasSize ? { ...record, repositoryBytes: treeSize(repository).bytes } : record;
}

function prepare(one: Contestant, { start }: LifeWork, scene: LifeScene): void {
  const { place, base, template } = scene;
  const { own, repository } = foldersOf(one, place.folder);
  if (start.kind === 'continued') return;
  const { cache, kept } = cachesOf(one, place);
  removeTree(cache);
  if (existsSync(kept)) copyTree(kept, cache);
  copyTree(start.kind === 'empty' ? template : base, repository);
  if (start.kind === 'empty') return;
  if (start.hasForgotten === true) measure(one.program, ['forget', ...scene.results.known.olderHalf], lifeEnvironment(one, scene), own);
  start.change?.(repository);
}

/** restic looks at what Holdfast left. */
function proveWithRestic(one: Contestant, operation: LifeOperation, { place, corpus, restic, say }: LifeScene): void {
  const { proof }: LifeWork = lifeWorks[operation];
  if (one.name !== 'holdfast' || proof === 'none') return;
  const options = proof === 'data' ? ['--read-data'] : [];
  measure(restic.program, ['check', ...options, '--no-cache'], environmentOf(one, place.folder), foldersOf(one, place.folder).own);
  say(`  ${place.name}, ${corpus.name}: restic ${['check', ...options].join(' ')} finds no error after the ${operation} by Holdfast`);
}

/** A copy takes from the repository that was made; the other commands do not look at these variables. */
function lifeEnvironment(one: Contestant, { place, base }: LifeScene): Record<string, string> {
  return { ...environmentOf(one, place.folder), RESTIC_FROM_REPOSITORY: base, RESTIC_FROM_PASSWORD: password };
}

function cachesOf(one: Contestant, { folder }: Place): { readonly cache: string; readonly kept: string } {
  const { own } = foldersOf(one, folder);
  return { cache: join(own, 'home/.cache/restic'), kept: join(own, 'warm-cache') };
}

/** In no time where the file system can share what two files have in common. */
function copyTree(from: string, to: string): void {
  removeTree(to);
  mkdirSync(dirname(to), { recursive: true });
  const { status, stderr } = spawnSync('cp', ['-a', '--reflink=auto', from, to], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${from} could not be copied: ${stderr}`);
}
