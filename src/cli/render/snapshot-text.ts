/** Snapshots as people and programs see them. */
import { shortId } from '../../base/ids.ts';
import { type DecodedSnapshot, encodeSnapshot, type Snapshot } from '../../format/snapshot.ts';
import type { StoredSnapshot } from '../../repository/snapshots.ts';
import { formatBytes, formatLocalTime, printableName } from './format.ts';
import { renderTable, type TextTable } from './text-table.ts';

/** `snapshot a25b3804 of [/home] at 2026-11-21 10:00:00 by me@host` */
export function describeSnapshot(snapshot: StoredSnapshot): string {
  const paths = snapshot.paths.map(printableName).join(' ');
  return `snapshot ${shortId(snapshot.id)} of [${paths}] at ${snapshotTime(snapshot)} by ${snapshot.username}@${snapshot.hostname}`;
}

export function snapshotTime(snapshot: DecodedSnapshot): string {
  return formatLocalTime(Number(snapshot.timeNs / 1_000_000n));
}

/** The record as it is stored, with the id and whatever else: JSON text, because numbers of 64 bits must keep their digits. */
export function snapshotJson(snapshot: StoredSnapshot, more: Readonly<Record<string, string>> = {}): string {
  const fields = JSON.stringify({ id: snapshot.id, short_id: shortId(snapshot.id), ...more });
  return `${encodeSnapshot(snapshot).toString('utf8').slice(0, -1)},${fields.slice(1)}`;
}

/** Oldest first, so that the newest is nearest to the next prompt. With `reasonsOf` a column says why each stays. */
export function snapshotTable(
  list: readonly StoredSnapshot[],
  isCompact: boolean,
  reasonsOf?: ReadonlyMap<StoredSnapshot, readonly string[]>,
): string[] {
  const hasSizes = list.some((snapshot) => snapshot.summary !== undefined);
  const columns = columnsFor(isCompact, reasonsOf).filter(({ heading }) => heading !== 'Size' || hasSizes);
  const table: TextTable = {
    headings: columns.map(({ heading, width }) => heading.padEnd(width)),
    rows: list.map((snapshot) => columns.map(({ cell }) => cell(snapshot))),
    footer: [`Times are in ${timeZone()}`, `${list.length} snapshot${list.length === 1 ? '' : 's'}`],
    isSpaced: !isCompact && list.some((snapshot) => snapshot.paths.length > 1),
  };
  return renderTable(table);
}

interface Column {
  readonly heading: string;
  readonly width: number;
  cell(snapshot: StoredSnapshot): readonly string[];
}

function columnsFor(isCompact: boolean, reasonsOf: ReadonlyMap<StoredSnapshot, readonly string[]> | undefined): Column[] {
  const tags = (snapshot: StoredSnapshot) => snapshot.tags.map(printableName);
  const tagColumn: Column = isCompact
    ? { heading: 'Tags', width: 6, cell: tags }
    : { heading: 'Tags', width: 10, cell: (snapshot) => [tags(snapshot).join(',')] };
  const reasonColumn: Column = { heading: 'Reasons', width: 7, cell: (snapshot) => (reasonsOf?.get(snapshot) ?? []).map(printableName) };
  return [
    { heading: 'ID', width: 8, cell: ({ id }) => [shortId(id)] },
    { heading: 'Time', width: 19, cell: (snapshot) => [snapshotTime(snapshot)] },
    { heading: 'Host', width: isCompact ? 4 : 10, cell: (snapshot) => [printableName(snapshot.hostname)] },
    tagColumn,
    ...(reasonsOf === undefined ? [] : [reasonColumn]),
    ...(isCompact ? [] : [{ heading: 'Paths', width: 5, cell: (snapshot: StoredSnapshot) => snapshot.paths.map(printableName) }]),
    { heading: 'Size', width: 4, cell: sizeCell },
  ];
}

function sizeCell({ summary }: Snapshot): string[] {
  return summary === undefined ? [] : [formatBytes(Number(summary.totalBytesProcessed))];
}

function timeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'local time';
}
