/** Puts the tables into docs/performance.md, between two markers; everything else there is written by hand. */
import type { GroupName } from './measurement.ts';

export const markers: Readonly<Record<GroupName, Markers>> = {
  backup: { beginMarker: '<!-- bench: begin -->', endMarker: '<!-- bench: end -->' },
  life: { beginMarker: '<!-- bench life: begin -->', endMarker: '<!-- bench life: end -->' },
};

/** @throws Error where the page has not exactly one place for the tables of the group */
export function withTables(page: string, group: GroupName, tables: string): string {
  return replaceBetween(page, markers[group], tables);
}

export interface Markers {
  readonly beginMarker: string;
  readonly endMarker: string;
}

export function replaceBetween(page: string, { beginMarker, endMarker }: Markers, tables: string): string {
  const [before, rest, ...moreBegins] = page.split(beginMarker);
  const [, after, ...moreEnds] = rest?.split(endMarker) ?? [];
  if (before === undefined || after === undefined || moreBegins.length > 0 || moreEnds.length > 0) {
    throw new Error(`the page needs one line ${beginMarker} and behind it one line ${endMarker}`);
  }
  return `${before}${beginMarker}\n\n${tables.trim()}\n\n${endMarker}${after}`;
}
