/** Help texts, made from the command table and the option tables. */
import type { AnyCommand } from './commands/command.ts';
import { commandTable } from './commands/table.ts';
import { globalOptions } from './options/global-options.ts';
import type { OptionSpec, OptionTable } from './options/option.ts';

const lineWidth = 100;
const descriptionColumn = 34;

const exitCodes = [
  'Exit codes',
  '  0 done · 1 failed · 3 some items could not be read or written · 10 no repository there',
  '  11 repository is locked · 12 wrong password · 130 stopped by SIGINT or SIGTERM',
];

/** The text of `holdfast --help`; src/cli/help.txt holds it, so that printing it loads no code. */
export function topLevelHelp(): string {
  const names = Object.keys(commandTable);
  const width = Math.max(...names.map((name) => name.length)) + 2;
  return [
    "Holdfast: encrypted, deduplicated backups in restic's repository format.",
    '',
    'Usage: holdfast [OPTION...] COMMAND [OPTION...] [ARGUMENT...]',
    '',
    'Commands',
    ...names.map((name) => `  ${name.padEnd(width)}${commandTable[name]?.summary ?? ''}`),
    `  ${'help'.padEnd(width)}explain a command: holdfast help backup`,
    '',
    'Options of every command',
    ...optionLines(globalOptions),
    '',
    'Environment',
    '  HOLDFAST_REPOSITORY, HOLDFAST_PASSWORD, HOLDFAST_PASSWORD_FILE and so on; the same names with',
    '  RESTIC_ in front are honoured too. NO_COLOR turns colours off.',
    '',
    ...exitCodes,
    '',
  ].join('\n');
}

export function commandHelp(name: string, command: AnyCommand): string {
  const own = optionLines(command.options);
  return [
    `Usage: holdfast ${name} ${command.synopsis}`.trimEnd(),
    '',
    ...command.details.flatMap((paragraph) => [...wrap(paragraph, lineWidth), '']),
    ...(own.length === 0 ? [] : ['Options', ...own, '']),
    'Options of every command',
    ...optionLines(globalOptions),
    '',
    ...(command.examples === undefined ? [] : ['Examples', ...command.examples.map((example) => `  ${example}`), '']),
    ...exitCodes,
    '',
  ].join('\n');
}

/** For `holdfast key`: the commands that begin with that word. */
export function groupHelp(group: string): string {
  const names = Object.keys(commandTable).filter((name) => name.startsWith(`${group} `));
  const width = Math.max(...names.map((name) => name.length)) + 2;
  const lines = names.map((name) => `  ${name.padEnd(width)}${commandTable[name]?.summary ?? ''}`);
  return [`Usage: holdfast ${group} COMMAND [OPTION...] [ARGUMENT...]`, '', 'Commands', ...lines, ''].join('\n');
}

function optionLines(table: OptionTable): string[] {
  return Object.entries(table)
    .filter(([, spec]) => spec.isHidden !== true)
    .flatMap(([name, spec]) => optionEntry(name, spec));
}

function optionEntry(name: string, spec: OptionSpec): string[] {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `;
  const left = `  ${short}--${name}${spec.valueName === undefined ? '' : ` ${spec.valueName}`}`;
  const lines = wrap(describe(spec), lineWidth - descriptionColumn).map((line) => ' '.repeat(descriptionColumn) + line);
  if (left.length + 2 > descriptionColumn) return [left, ...lines];
  return lines.map((line, index) => (index === 0 ? left.padEnd(descriptionColumn) + line.trimStart() : line));
}

function describe(spec: OptionSpec): string {
  const choices = spec.choices === undefined ? '' : `: ${spec.choices.join(', ')}`;
  const repeated = spec.kind === 'many' ? '; may be given several times' : '';
  const variable = spec.env === undefined ? '' : ` [HOLDFAST_${spec.env}]`;
  return `${spec.description}${choices}${repeated}${variable}`;
}

function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
