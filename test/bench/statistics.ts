/** Medians, and ratios that are taken round by round before their median is: what slows a machine down for a while slows both. */
import type { Contestant } from './contestants.ts';
import type { Measurement } from './measurement.ts';

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export type Quantity = 'wallSeconds' | 'cpuSeconds' | 'peakBytes' | 'repositoryBytes';

export interface Comparison {
  readonly place: Measurement['place'];
  readonly corpus: Measurement['corpus'];
  readonly operation: Measurement['operation'];
  readonly rounds: number;
  readonly medians: Readonly<Record<Contestant['name'], Readonly<Partial<Record<Quantity, number>>>>>;
  /** restic's wall time in Holdfast's: 3 means that Holdfast is three times as fast. */
  readonly speedup: Spread;
  /** Holdfast's share of what restic takes. */
  readonly cpu: Spread;
  readonly peak: Spread;
  readonly repository: Spread | undefined;
}

/** One comparison for each place, corpus and operation, in the order of measuring. */
export function compareRounds(measurements: readonly Measurement[]): Comparison[] {
  const groups = Map.groupBy(measurements, ({ place, corpus, operation }) => `${place} ${corpus} ${operation}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [compare(first, group)];
  });
}

function compare({ place, corpus, operation }: Measurement, group: readonly Measurement[]): Comparison {
  const of = (name: Contestant['name']) => group.filter(({ contestant }) => contestant === name).sort((a, b) => a.round - b.round);
  const [restic, holdfast] = [of('restic'), of('holdfast')];
  const ratios = (quantity: Quantity) =>
    holdfast.map((one, index) => (one[quantity] ?? Number.NaN) / (restic[index]?.[quantity] ?? Number.NaN));
  return {
    place,
    corpus,
    operation,
    rounds: holdfast.length,
    medians: { restic: mediansOf(restic), holdfast: mediansOf(holdfast) },
    speedup: spread(ratios('wallSeconds').map((ratio) => 1 / ratio)),
    cpu: spread(ratios('cpuSeconds')),
    peak: spread(ratios('peakBytes')),
    repository: group.every(({ repositoryBytes }) => repositoryBytes !== undefined) ? spread(ratios('repositoryBytes')) : undefined,
  };
}

function mediansOf(list: readonly Measurement[]): Partial<Record<Quantity, number>> {
  const quantities: readonly Quantity[] = ['wallSeconds', 'cpuSeconds', 'peakBytes', 'repositoryBytes'];
  const known = quantities.filter((quantity) => list.every((one) => one[quantity] !== undefined));
  return Object.fromEntries(known.map((quantity) => [quantity, median(list.map((one) => one[quantity] ?? 0))]));
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** Of an even number of values the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}
