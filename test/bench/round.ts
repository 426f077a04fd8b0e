/** One round: both programs do all operations on one corpus in one place, and what they did is verified. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { argumentsFor, type Contestant, environmentOf, foldersOf, type Operation, operations } from './contestants.ts';
import type { Corpus } from './corpora.ts';
import { firstDifference, listTree, treeSize } from './listing.ts';
import { type Measured, measure } from './measure.ts';
import type { Measurement } from './measurement.ts';
import { type Place, removeTree, settleDisk } from './place.ts';
import type { Arrangement } from './room.ts';

export interface RoundPlan {
  readonly place: Place;
  readonly corpus: Corpus;
  readonly arrangement: Arrangement;
  readonly round: number;
  /** An empty repository: everybody starts from a copy, with the same cost of the password and the same places of cuts. */
  readonly template: string;
  /** The corpus as listTree shows it. */
  readonly expected: readonly string[];
  readonly say: (line: string) => void;
}

/** @throws Error where a program failed, or what it did is not right */
export async function runRound(contestants: readonly Contestant[], plan: RoundPlan): Promise<Measurement[]> {
  // Whoever is second may find warmer caches, so they take turns at being first.
  const order = plan.round % 2 === 1 ? contestants : contestants.toReversed();
  const groups = plan.arrangement.isInterleaved ? [order] : order.map((one) => [one]);
  const measurements: Measurement[] = [];
  for (const group of groups) {
    plan.corpus.ensure(plan.place.folder);
    for (const one of group) newRepository(one, plan);
    for (const operation of operations) {
      if (operation === 'restore' && plan.arrangement.removesCorpus) removeTree(plan.corpus.pathIn(plan.place.folder));
      for (const one of group) {
        measurements.push(measureOne(one, operation, plan));
        // Lets SIGINT through.
        await breathe();
      }
    }
    if (plan.round === 1) proveWithRestic(contestants, group, plan);
    for (const one of group) removeTree(foldersOf(one, plan.place.folder).repository);
  }
  return measurements;
}

/** restic reads every byte of the repository that Holdfast wrote, and finds nothing wrong. */
function proveWithRestic(contestants: readonly Contestant[], group: readonly Contestant[], { place, corpus, say }: RoundPlan): void {
  const restic = contestants.find(({ name }) => name === 'restic');
  const holdfast = group.find(({ name }) => name === 'holdfast');
  if (restic === undefined || holdfast === undefined) return;
  const { own } = foldersOf(holdfast, place.folder);
  measure(restic.program, ['check', '--read-data', '--no-cache'], environmentOf(holdfast, place.folder), own);
  say(`  ${place.name}, ${corpus.name}: restic check --read-data finds no error in the repository that Holdfast wrote`);
}

function newRepository(one: Contestant, { place, template }: RoundPlan): void {
  const { own, repository } = foldersOf(one, place.folder);
  // restic's cache of the repository before it; compiled code and the like stay.
  removeTree(join(own, 'home/.cache/restic'));
  mkdirSync(own, { recursive: true });
  cpSync(template, repository, { recursive: true });
}

function measureOne(one: Contestant, operation: Operation, plan: RoundPlan): Measurement {
  const { place, corpus, round } = plan;
  const { own, repository, target } = foldersOf(one, place.folder);
  const path = corpus.pathIn(place.folder);
  if (operation === 'backup') warmUp(path);
  settleDisk(place);
  const measured = measure(one.program, argumentsFor(operation, path, target), environmentOf(one, place.folder), own);
  plan.say(`  ${place.name}, ${corpus.name}, round ${round}: ${one.name} ${operation} ${measured.wallSeconds.toFixed(2)} s`);
  verify(operation, measured, { expected: plan.expected, target, path, who: one.name });
  if (operation === 'restore') removeTree(target);
  const { wallSeconds, cpuSeconds, peakBytes } = measured;
  const record = { place: place.name, corpus: corpus.name, operation, round, contestant: one.name, wallSeconds, cpuSeconds, peakBytes };
  return operation === 'backup' ? { ...record, repositoryBytes: treeSize(repository).bytes } : record;
}

/** Reads everything once, so that the first to come does not pay for the disk. */
function warmUp(path: string): void {
  listTree(path);
}

interface Expectation {
  readonly expected: readonly string[];
  readonly target: string;
  readonly path: string;
  readonly who: string;
}

function verify(operation: Operation, { stdout }: Measured, { expected, target, path, who }: Expectation): void {
  const summary = summaryOf(stdout);
  if (operation === 'backup' && summary['files_new'] === 0) throw new Error(`${who} saved nothing: ${stdout}`);
  if (operation === 'again' && (summary['files_new'] !== 0 || summary['files_changed'] !== 0)) {
    throw new Error(`${who} found changes in ${path} where there were none: ${stdout}`);
  }
  if (operation !== 'restore') return;
  const difference = firstDifference(expected, listTree(join(target, path)));
  if (difference !== undefined) throw new Error(`what ${who} restored of ${path} differs: ${difference}`);
}

/** The last JSON line of the output; both programs use the same names. */
function summaryOf(stdout: string): Readonly<Record<string, unknown>> {
  const line = stdout.split('\n').findLast((text) => text.includes('"message_type":"summary"'));
  return line === undefined ? {} : (JSON.parse(line) as Record<string, unknown>);
}
