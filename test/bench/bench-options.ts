/** The command line of script/bench. */
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type CorpusName, corpusNames } from './corpora.ts';
import { type LifeName, lifeNames } from './life/names.ts';
import { type GroupName, groupNames, groupOf } from './measurement.ts';

export const usage = `Usage: script/bench [OPTION...]

Runs Holdfast, packed and installed as users get it, and the newest restic in alternation over the same data, in two groups:
backup: first backup, unchanged second backup, check --read-data, restore
life: copy, repair index and prune with 60 snapshots of a changing tree, snapshots and forget with 10,000 snapshots
In memory (tmpfs) and on a disk. Prints medians, and ratios paired round by round.

  --group GROUP     only ${groupNames.join(' or only ')}
  --corpus NAME     only this one: ${[...corpusNames, ...lifeNames].join(', ')}; may be given several times
  --place PLACE     only memory or only disk
  --rounds N        rounds of each (default: 3 in memory, 2 on disk)
  --quick           an eighth of the data, one round, without /usr
  --scale FACTOR    that part of the data, as in 0.01; /usr is left out unless it is named
  --memory FOLDER   a folder on tmpfs (default: /dev/shm)
  --work FOLDER     a folder on a disk (default: the system's folder for temporary files)
  --holdfast FILE   measure this holdfast instead of packing the checkout
  --raw FILE        write every single measurement as JSON
  --with FILE       put the measurements of an earlier run, its --raw file, into the same tables; may be given several times
  --write           put the tables into docs/performance.md
`;

export type PlaceName = 'memory' | 'disk';

export interface BenchOptions {
  readonly corpora: readonly CorpusName[];
  readonly lifeCorpora: readonly LifeName[];
  readonly places: readonly { readonly name: PlaceName; readonly parent: string; readonly rounds: number }[];
  readonly scale: number;
  readonly holdfast: string | undefined;
  readonly rawFile: string | undefined;
  readonly earlierFiles: readonly string[];
  readonly isWriting: boolean;
}

// Memory is quick and steady; on a disk one more round costs minutes and shows mostly the disk.
const defaultRounds = { memory: 3, disk: 2 };
const quickScale = 1 / 8;

/** @returns undefined when help was asked for */
export function parseBenchOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      group: { type: 'string' },
      corpus: { type: 'string', multiple: true },
      place: { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean' },
      scale: { type: 'string' },
      memory: { type: 'string' },
      work: { type: 'string' },
      holdfast: { type: 'string' },
      raw: { type: 'string' },
      with: { type: 'string', multiple: true },
      write: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return undefined;
  const isQuick = values.quick === true;
  const scale = positive('--scale', values.scale) ?? (isQuick ? quickScale : 1);
  const rounds = positive('--rounds', values.rounds) ?? (isQuick ? 1 : undefined);
  const parents = { memory: values.memory ?? '/dev/shm', disk: values.work ?? tmpdir() };
  return {
    ...chooseCorpora(values.corpus, groupName(values.group), scale === 1),
    places: placeNames(values.place).map((name) => ({ name, parent: resolve(parents[name]), rounds: rounds ?? defaultRounds[name] })),
    scale,
    holdfast: values.holdfast === undefined ? undefined : resolve(values.holdfast),
    rawFile: values.raw === undefined ? undefined : resolve(values.raw),
    earlierFiles: (values.with ?? []).map((file) => resolve(file)),
    isWriting: values.write === true,
  };
}

function chooseCorpora(
  wanted: readonly string[] | undefined,
  group: GroupName | undefined,
  isWhole: boolean,
): Pick<BenchOptions, 'corpora' | 'lifeCorpora'> {
  const known: readonly string[] = [...corpusNames, ...lifeNames].filter((name) => group === undefined || groupOf(name) === group);
  const stranger = wanted?.find((name) => !known.includes(name));
  if (stranger !== undefined) throw new Error(`--corpus cannot be ${stranger}: ${known.join(', ')}`);
  const names = new Set(wanted ?? known.filter((name) => isWhole || name !== 'usr'));
  return { corpora: corpusNames.filter((name) => names.has(name)), lifeCorpora: lifeNames.filter((name) => names.has(name)) };
}

function groupName(text: string | undefined): GroupName | undefined {
  const name = groupNames.find((known) => known === text);
  if (text !== undefined && name === undefined) throw new Error(`--group cannot be ${text}: ${groupNames.join(', ')}`);
  return name;
}

function placeNames(text: string | undefined): readonly PlaceName[] {
  if (text === undefined) return ['memory', 'disk'];
  if (text === 'memory' || text === 'disk') return [text];
  throw new Error(`--place cannot be ${text}: memory, disk`);
}

function positive(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${option} cannot be ${text}`);
  return value;
}
