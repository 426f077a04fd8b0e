/** From the command line to the tables: script/bench calls this. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newestRestic } from '../support/peers.ts';
import { type BenchOptions, parseBenchOptions, usage } from './bench-options.ts';
import { type Contestant, contestant } from './contestants.ts';
import { type CorpusName, makeCorpus } from './corpora.ts';
import { busyWarning, describeMachine } from './machine.ts';
import { measureLife } from './life/measure-life.ts';
import { createRepository, measurePlace } from './measure-place.ts';
import { type GroupName, groupNames, groupOf, type Measurement } from './measurement.ts';
import { loadOutcome, mergeOutcomes, type Outcome, saveOutcome } from './outcome.ts';
import { installPacked } from './packed-holdfast.ts';
import { withTables } from './performance-page.ts';
import { closePlace, openPlace, type Place, removeTree } from './place.ts';
import { compareRounds } from './statistics.ts';
import { type Conditions, renderTables } from './tables.ts';

const checkout = fileURLToPath(new URL('../../', import.meta.url));
const performancePage = join(checkout, 'docs/performance.md');

/** @returns the exit code */
export async function runBench(args: readonly string[]): Promise<number> {
  const cleanUps: (() => void)[] = [];
  const cleanUp = () => {
    for (const one of cleanUps.splice(0).toReversed()) one();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      cleanUp();
      process.exit(130);
    });
  }
  try {
    const options = parseBenchOptions(args);
    if (options === undefined) process.stdout.write(usage);
    else await measureAll(options, cleanUps);
    return 0;
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    cleanUp();
  }
}

async function measureAll(options: BenchOptions, cleanUps: (() => void)[]): Promise<void> {
  const notes = [busyWarning()].filter((note) => note !== undefined);
  for (const note of notes) console.error(note);
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-bench-tools-'));
  cleanUps.push(() => removeTree(scratch));
  const contestants = bringContestants(options, scratch);
  const corpora = options.corpora.map((name) => makeCorpus(name, options.scale));
  const life: Conditions['corpora'][number][] = [];
  const places: Place[] = [];
  const measurements: Measurement[] = [];
  const outcome = (): Outcome => ({
    conditions: { ...conditionsOf(contestants, [...corpora, ...life], places), notes: [...scaleNote(options), ...notes] },
    measurements,
  });
  try {
    for (const wanted of options.places) {
      const place = openPlace(wanted);
      places.push(place);
      cleanUps.push(() => closePlace(place));
      const remake = (name: CorpusName, share: number) => makeCorpus(name, options.scale * share);
      const common = { place, contestants, notes, measurements };
      await measurePlace({ ...common, corpora, remake });
      const create = async (path: string) => createRepository(contestants, place, path);
      await measureLife({ ...common, names: options.lifeCorpora, scale: options.scale, corpora: life, createRepository: create });
      closePlace(place);
    }
  } catch (error) {
    // Hours of measuring shall not be lost with what failed after them; but they do not go into the page.
    if (measurements.length > 0) report({ ...options, isWriting: false }, outcome());
    throw error;
  }
  report(options, outcome());
}

function bringContestants({ holdfast }: BenchOptions, scratch: string): Contestant[] {
  const restic = newestRestic();
  if (restic === undefined) throw new Error('the newest restic is not on this machine');
  if (holdfast === undefined) console.error('building, packing and installing Holdfast');
  return [contestant('restic', restic.path), contestant('holdfast', holdfast ?? installPacked(checkout, scratch))];
}

function conditionsOf(
  contestants: readonly Contestant[],
  corpora: Conditions['corpora'],
  places: readonly Place[],
): Omit<Conditions, 'notes'> {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    versions: [...contestants.map(({ version }) => version).toReversed(), `Node ${process.versions.node}`],
    fileSystems: Object.fromEntries(places.map(({ name, fileSystem }) => [name, fileSystem])),
    corpora: [...new Map(corpora.map(({ name, description, bytes }) => [name, { name, description, bytes }])).values()],
  };
}

function scaleNote({ scale }: BenchOptions): string[] {
  return scale === 1 ? [] : [`only ${scale} of the full amount of data was used`];
}

function report({ rawFile, earlierFiles, isWriting }: BenchOptions, outcome: Outcome): void {
  if (rawFile !== undefined) saveOutcome(rawFile, outcome);
  const { conditions, measurements } = mergeOutcomes([...earlierFiles.map(loadOutcome), outcome]);
  for (const group of groupNames) {
    const ofGroup = measurements.filter(({ corpus }) => groupOf(corpus) === group);
    if (ofGroup.length === 0) continue;
    const tables = renderTables(conditionsFor(group, conditions), compareRounds(ofGroup));
    console.log(tables);
    if (isWriting) writeFileSync(performancePage, withTables(readFileSync(performancePage, 'utf8'), group, tables));
  }
}

/** Without what is about data of the other group. */
function conditionsFor(group: GroupName, conditions: Conditions): Conditions {
  const isOther = ({ name }: { readonly name: string }) => groupOf(name) !== group;
  const others = conditions.corpora.filter(isOther);
  return {
    ...conditions,
    corpora: conditions.corpora.filter((corpus) => !isOther(corpus)),
    notes: conditions.notes.filter((note) => !others.some(({ name }) => note.includes(`: ${name} `) || note.startsWith(`${name} `))),
  };
}
