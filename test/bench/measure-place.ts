/** All corpora in one place: rounds, and what is done once before and after them. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { argumentsFor, type Contestant, environmentOf, foldersOf, operations } from './contestants.ts';
import type { Corpus, CorpusName } from './corpora.ts';
import { listTree } from './listing.ts';
import { measure } from './measure.ts';
import type { Measurement } from './measurement.ts';
import { freeBytes, type Place, removeTree } from './place.ts';
import { type Arrangement, arrange } from './room.ts';
import { runRound } from './round.ts';

export interface PlaceWork {
  readonly place: Place;
  readonly corpora: readonly Corpus[];
  readonly contestants: readonly Contestant[];
  /** The same corpus with this share of its data. */
  readonly remake: (name: CorpusName, share: number) => Corpus;
  /** Takes what the reader of the result must know. */
  readonly notes: string[];
  /** Takes what was measured, round by round. */
  readonly measurements: Measurement[];
}

const say = (line: string) => console.error(line);

// Below this a corpus is another corpus.
const leastShare = 0.05;
// File systems and programs need a little more than the sums say.
const scalingMargin = 0.95;

export async function measurePlace({ place, corpora, contestants, remake, notes, measurements }: PlaceWork): Promise<void> {
  if (corpora.length === 0) return;
  const template = join(place.folder, 'template');
  createRepository(contestants, place, template);
  warmUpPrograms(contestants, place, template);
  for (const wanted of corpora) {
    const fitting = fit(wanted, place, remake);
    for (const note of fitting.notes) notes.push(`${place.name}: ${note}`);
    for (const note of fitting.notes) say(`${place.name}: ${note}`);
    if (fitting.arrangement === undefined) continue;
    const { corpus, arrangement } = fitting;
    corpus.ensure(place.folder);
    const expected = listTree(corpus.pathIn(place.folder));
    for (let round = 1; round <= place.rounds; round++) {
      measurements.push(...(await runRound(contestants, { place, corpus, arrangement, round, template, expected, say })));
    }
    if (corpus.isGenerated) removeTree(corpus.pathIn(place.folder));
  }
}

interface Fitting {
  readonly corpus: Corpus;
  readonly arrangement: Arrangement | undefined;
  readonly notes: readonly string[];
}

/** The corpus, or as much of it as finds room. */
function fit(corpus: Corpus, place: Place, remake: PlaceWork['remake']): Fitting {
  const free = freeBytes(place);
  const outcome = arrange(corpus, free);
  if (!('fittingShare' in outcome)) {
    const notes = outcome.removesCorpus ? [`${corpus.name} has room only without its original beside the restored one`] : [];
    return { corpus, arrangement: outcome, notes };
  }
  const room = `${Math.round(free / 1e6)} MB free`;
  const share = Math.floor(outcome.fittingShare * scalingMargin * 100) / 100;
  const smaller = corpus.isGenerated && share >= leastShare ? remake(corpus.name, share) : undefined;
  const arrangement = smaller === undefined ? outcome : arrange(smaller, free);
  if (smaller === undefined || 'fittingShare' in arrangement) {
    return { corpus, arrangement: undefined, notes: [`${corpus.name} was left out, it finds no room (${room})`] };
  }
  return { corpus: smaller, arrangement, notes: [`${corpus.name} was scaled down to ${share} of it for lack of room (${room})`] };
}

/** An empty one. Made by Holdfast, whose cost of the password is a constant (and what restic arrives at on a usual machine). */
export function createRepository(contestants: readonly Contestant[], place: Place, path: string): void {
  const maker = contestants.find(({ name }) => name === 'holdfast');
  if (maker === undefined) throw new Error('there is no holdfast to compare');
  measure(maker.program, ['init'], { ...environmentOf(maker, place.folder), RESTIC_REPOSITORY: path }, place.folder);
}

/** Programs, libraries and compiled code get into the caches, unmeasured. */
function warmUpPrograms(contestants: readonly Contestant[], place: Place, template: string): void {
  const tiny = join(place.folder, 'tiny');
  mkdirSync(join(tiny, 'empty'), { recursive: true });
  for (const one of contestants) {
    const { own, repository, target } = foldersOf(one, place.folder);
    const env = environmentOf(one, place.folder);
    cpSync(template, repository, { recursive: true });
    for (const operation of operations) measure(one.program, argumentsFor(operation, tiny, target), env, own);
    removeTree(target);
    removeTree(repository);
  }
}
