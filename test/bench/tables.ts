/** The result as Markdown. */
import { titleOf } from './measurement.ts';
import type { Comparison, Spread } from './statistics.ts';

export interface Conditions {
  readonly date: string;
  readonly machine: string;
  readonly versions: readonly string[];
  readonly fileSystems: Readonly<Record<string, string>>;
  readonly corpora: readonly { readonly name: string; readonly description: string; readonly bytes: number }[];
  /** What was scaled down or left out, and other warnings; full sentences without their point. */
  readonly notes: readonly string[];
}

export function renderTables(conditions: Conditions, comparisons: readonly Comparison[]): string {
  const { date, machine, versions, corpora, fileSystems, notes } = conditions;
  const places = [...new Set(comparisons.map(({ place }) => place))];
  return [
    `Measured on ${date} with ${versions.join(', ')} on ${machine}.`,
    '',
    ...corpora.map(({ name, description, bytes }) => `- \`${name}\`: ${description}, ${size(bytes)}`),
    ...notes.map((note) => `- Note: ${note}.`),
    ...places.flatMap((place) =>
      placeTables(
        place,
        fileSystems[place] ?? '',
        comparisons.filter((one) => one.place === place),
      ),
    ),
  ].join('\n');
}

function placeTables(place: string, fileSystem: string, comparisons: readonly Comparison[]): string[] {
  const rounds = Math.max(...comparisons.map((one) => one.rounds));
  return [
    '',
    `### ${place === 'memory' ? 'In memory' : 'On a disk'} (${fileSystem}), ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`,
    '',
    'Ratios: median of the rounds, in parentheses the least and the greatest.',
    '',
    ...table(
      ['corpus', 'work', 'times as fast as restic', "CPU time in restic's", "peak memory in restic's", "repository in restic's"],
      comparisons.map((one) => [
        one.corpus,
        titleOf(one.operation),
        ratio(one.speedup),
        ratio(one.cpu),
        ratio(one.peak),
        ratio(one.repository, 3),
      ]),
    ),
    '',
    'Medians, restic → Holdfast:',
    '',
    ...table(
      ['corpus', 'work', 'time', 'CPU time', 'peak memory', 'repository'],
      comparisons.map((one) => [one.corpus, titleOf(one.operation), ...medians(one)]),
    ),
  ];
}

function medians({ medians: { restic, holdfast } }: Comparison): string[] {
  const pair = (before: number | undefined, after: number | undefined, show: (value: number) => string) =>
    before === undefined || after === undefined ? '' : `${show(before)} → ${show(after)}`;
  return [
    pair(restic.wallSeconds, holdfast.wallSeconds, seconds),
    pair(restic.cpuSeconds, holdfast.cpuSeconds, seconds),
    pair(restic.peakBytes, holdfast.peakBytes, size),
    pair(restic.repositoryBytes, holdfast.repositoryBytes, size),
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map((_, index) => (index < 2 ? '---' : '---:')).join('|')}|`, ...rows.map(line)];
}

function ratio(value: Spread | undefined, digits = 2): string {
  if (value === undefined) return '';
  const show = (one: number) => one.toFixed(digits);
  return value.least === value.most ? show(value.median) : `${show(value.median)} (${show(value.least)}–${show(value.most)})`;
}

function seconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} s`;
}

/** Decimal units, as disks are sold. */
function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;
}
