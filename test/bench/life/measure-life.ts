/** The repositories of one place: made, and in rounds used by both programs in alternation. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Contestant } from '../contestants.ts';
import { treeSize } from '../listing.ts';
import type { Measurement } from '../measurement.ts';
import { freeBytes, type Place, removeTree } from '../place.ts';
import { type CreateRepository, type LifeCorpus, lifeCorpus } from './making.ts';
import type { LifeName } from './names.ts';
import { Results } from './results.ts';
import { type LifeScene, runLifeRound, warmCaches, warmUpLife } from './round.ts';

export interface LifePlan {
  readonly place: Place;
  readonly names: readonly LifeName[];
  readonly scale: number;
  readonly contestants: readonly Contestant[];
  readonly createRepository: CreateRepository;
  /** Takes what the reader of the result must know. */
  readonly notes: string[];
  /** Takes what was measured, round by round. */
  readonly measurements: Measurement[];
  /** Takes what was made. */
  readonly corpora: { readonly name: string; readonly description: string; readonly bytes: number }[];
}

const say = (line: string) => console.error(line);

/** The one that was made, and a copy or copy's target that a program works on. A prune and a copy add before they remove. */
const repositoriesAtOnce = 2.3;
/** As in room.ts: what restic puts together in the folder for temporary files. */
const temporaryBytes = 512 * 1024 * 1024;
// Below this a corpus is another corpus.
const leastShare = 0.05;

export async function measureLife(plan: LifePlan): Promise<void> {
  const { place, names, contestants, createRepository } = plan;
  if (names.length === 0) return;
  mkdirSync(join(place.folder, 'life'));
  const template = join(place.folder, 'life/empty');
  await createRepository(template);
  await warmUpLife(contestants, { place, template, maker: pick(contestants, 'holdfast'), createRepository });
  for (const name of names) {
    const corpus = fit(plan, name);
    if (corpus !== undefined) await measureCorpus(plan, corpus, template);
  }
}

async function measureCorpus(plan: LifePlan, corpus: LifeCorpus, template: string): Promise<void> {
  const { place, contestants, createRepository, measurements, corpora } = plan;
  const [maker, restic] = [pick(contestants, 'holdfast'), pick(contestants, 'restic')];
  const base = join(place.folder, 'life', corpus.name);
  say(`${place.name}: making ${corpus.name}`);
  const description = await corpus.make({ place, maker, createRepository, repository: base });
  corpora.push({ name: corpus.name, description, bytes: treeSize(base).bytes });
  const results = new Results(restic, place, base);
  const scene: LifeScene = { place, corpus, base, template, results, restic, say };
  warmCaches(contestants, scene);
  for (let round = 1; round <= place.rounds; round++) measurements.push(...(await runLifeRound(contestants, scene, round)));
  removeTree(base);
}

function pick(contestants: readonly Contestant[], wanted: Contestant['name']): Contestant {
  const found = contestants.find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`there is no ${wanted} to compare`);
  return found;
}

/** The corpus, or as much of it as finds room. */
function fit({ place, scale, notes }: LifePlan, name: LifeName): LifeCorpus | undefined {
  const free = freeBytes(place);
  const wanted = lifeCorpus(name, scale);
  const share = Math.floor(Math.min(1, (free - Math.min(free / 2, temporaryBytes)) / roomFor(wanted)) * 100) / 100;
  if (share === 1) return wanted;
  const isLeftOut = share < leastShare;
  const outcome = isLeftOut ? 'was left out, it finds no room' : `was scaled down to ${share} of it for lack of room`;
  const note = `${place.name}: ${name} ${outcome} (${Math.round(free / 1e6)} MB free)`;
  say(note);
  notes.push(note);
  return isLeftOut ? undefined : lifeCorpus(name, scale * share);
}

function roomFor({ estimatedBytes, beside }: LifeCorpus): number {
  return Math.max(estimatedBytes + beside, estimatedBytes * repositoriesAtOnce);
}
