/** A table for people: headings, a rule, rows whose cells may have several lines, a rule, and lines below. */

export interface TextTable {
  readonly headings: readonly string[];
  /** A cell is a list of lines. */
  readonly rows: readonly (readonly (readonly string[])[])[];
  readonly footer: readonly string[];
  /** A blank line between rows keeps those of several lines apart. */
  readonly isSpaced?: boolean;
}

const cellGap = '  ';

export function renderTable(table: TextTable): string[] {
  const widths = table.headings.map((heading, column) => columnWidth(heading, table.rows, column));
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width, 0) + cellGap.length * (widths.length - 1));
  const rows = table.rows.map((row) => renderRow(row, widths));
  const body = table.isSpaced === true ? rows.flatMap((row, index) => (index === 0 ? row : ['', ...row])) : rows.flat();
  return [
    ...renderRow(
      table.headings.map((heading) => [heading]),
      widths,
    ),
    rule,
    ...body,
    rule,
    ...table.footer,
  ];
}

function columnWidth(heading: string, rows: TextTable['rows'], column: number): number {
  let width = displayWidth(heading);
  for (const row of rows) for (const line of row[column] ?? []) width = Math.max(width, displayWidth(line));
  return width;
}

function renderRow(cells: readonly (readonly string[])[], widths: readonly number[]): string[] {
  const height = Math.max(1, ...cells.map((cell) => cell.length));
  const pad = (text: string, width: number) => text + ' '.repeat(Math.max(0, width - displayWidth(text)));
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((cell, column) => pad(cell[line] ?? '', widths[column] ?? 0))
      .join(cellGap)
      .trimEnd(),
  );
}

// East Asian scripts and most emoji take two cells of a terminal, combining marks none.
const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}]/u;
const combining = /\p{Mark}/u;

const plain = /^[ -~]*$/u;

/** Cells that the text takes in a terminal. */
export function displayWidth(text: string): number {
  if (plain.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += combining.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return width;
}

/** The text's beginning, as much as fits into `width` cells. */
export function truncateToWidth(text: string, width: number): string {
  let used = 0;
  let kept = '';
  for (const character of text) {
    used += displayWidth(character);
    if (used > width) break;
    kept += character;
  }
  return kept;
}
