/**
 * Keeps the tables in the documentation that follow from the code: options of commands, error codes, import levels.
 * `node script/reference-tables.ts` writes them; test/integration/reference-tables.test.ts fails as long as they differ.
 *
 * A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`; the text around it is written by hand.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, errorCodes } from '../src/base/errors.ts';
import { commandTable } from '../src/cli/commands/table.ts';
import { globalOptions } from '../src/cli/options/global-options.ts';
import type { OptionSpec, OptionTable } from '../src/cli/options/option.ts';
import { folders } from './import-levels.ts';

/** Relative to the project's root. */
export const pagesWithTables = ['ARCHITECTURE.md', 'docs/commands.md', 'docs/errors.md'] as const;

const tablePattern = /<!-- table: (?<name>[^>]+) -->\n[^]*?<!-- end of table -->/gu;

/** The page with all its tables made anew. @throws Error for a name that stands for no table */
export async function withCurrentTables(page: string): Promise<string> {
  const texts = new Map<string, string>();
  for (const { groups } of page.matchAll(tablePattern)) {
    const name = groups?.['name'] ?? '';
    texts.set(name, `<!-- table: ${name} -->\n\n${await renderTable(name)}\n\n<!-- end of table -->`);
  }
  return page.replace(tablePattern, (_whole, name: string) => texts.get(name) ?? '');
}

/** The command of each options table in the page. */
export function commandsWithTables(page: string): string[] {
  return [...page.matchAll(/<!-- table: options of (?<name>[a-z ]+) -->/gu)].map(({ groups }) => groups?.['name'] ?? '');
}

async function renderTable(name: string): Promise<string> {
  if (name === 'errors') return errorTable();
  if (name === 'import levels') return levelTable();
  if (name === 'options of every command') return optionTable(globalOptions);
  const command = await commandTable[name.replace('options of ', '')]?.load();
  if (command === undefined) throw new Error(`there is no table ${name}`);
  return Object.keys(command.options).length === 0 ? 'It has no options of its own.' : optionTable(command.options);
}

function optionTable(options: OptionTable): string {
  const visible = Object.entries(options).filter(([, spec]) => spec.isHidden !== true);
  return table(
    ['option', 'meaning'],
    visible.map(([name, spec]) => [`\`${spelling(name, spec)}\``, meaning(spec)]),
  );
}

function spelling(name: string, { short, valueName }: OptionSpec): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${valueName === undefined ? '' : ` ${valueName}`}`;
}

function meaning({ description, choices, kind, env }: OptionSpec): string {
  const list = choices === undefined ? '' : `: ${choices.map((choice) => `\`${choice}\``).join(', ')}`;
  const repeated = kind === 'many' ? '; may be given several times' : '';
  return `${description}${list}${repeated}${env === undefined ? '' : ` (\`HOLDFAST_${env}\`)`}`;
}

function errorTable(): string {
  const codes = Object.keys(errorCodes) as ErrorCode[];
  return table(
    ['code', 'exit code', 'HTTP status', 'meaning'],
    codes.map((code) => [`\`${code}\``, String(errorCodes[code].exitCode), String(errorCodes[code].httpStatus), errorCodes[code].meaning]),
  );
}

function levelTable(): string {
  const rows = folders.map(({ name, level, alsoImports = [], closed = {} }) => {
    const below = level === 0 ? 'nothing of ours' : level === 1 ? 'base' : `levels 0 to ${level - 1}`;
    const without = Object.keys(closed).map((folder) => `without ${folder}`);
    const also = alsoImports.length === 0 ? [] : [`and ${alsoImports.join(', ')}`];
    return [String(level), name, [below, ...without, ...also].join(', ')];
  });
  return table(['level', 'folder', 'may import'], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const page of pagesWithTables) {
    const path = fileURLToPath(new URL(`../${page}`, import.meta.url));
    writeFileSync(path, await withCurrentTables(readFileSync(path, 'utf8')));
  }
}
