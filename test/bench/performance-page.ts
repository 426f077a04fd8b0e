/** Puts the tables into docs/performance.md, between two markers; everything else there is written by hand. */

export const beginMarker = '<!-- bench: begin -->';
export const endMarker = '<!-- bench: end -->';

/** @throws Error where the page has not exactly one place for the tables */
export function withTables(page: string, tables: string): string {
  const [before, rest, ...moreBegins] = page.split(beginMarker);
  const [, after, ...moreEnds] = rest?.split(endMarker) ?? [];
  if (before === undefined || after === undefined || moreBegins.length > 0 || moreEnds.length > 0) {
    throw new Error(`the page needs one line ${beginMarker} and behind it one line ${endMarker}`);
  }
  return `${before}${beginMarker}\n\n${tables.trim()}\n\n${endMarker}${after}`;
}
