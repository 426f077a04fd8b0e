/** The trials as the tables of docs/damage.md. */
import type { HarmedKind } from './damage-scene.ts';
import type { Trial } from './damage-trial.ts';

const tablePattern = /<!-- damage of (?:an? |the )?(?<kind>[a-z ]+) -->\n[^]*?<!-- end of table -->/gu;

/** The page with all its tables made of the trials. @throws Error for a kind of file that was not tried */
export function withDamageTables(page: string, trials: readonly Trial[]): string {
  return page.replace(tablePattern, (whole, kind: HarmedKind) => {
    const [head = ''] = whole.split('\n');
    const rows = trials.filter(({ file }) => file.kind === kind);
    if (rows.length === 0) throw new Error(`nothing was tried on a ${kind}`);
    return `${head}\n\n${damageTable(rows)}\n\n<!-- end of table -->`;
  });
}

function damageTable(trials: readonly Trial[]): string {
  const titles = ['damage', '`check` says', '`check --read-data` says', 'what helps', 'saved', 'lost'];
  const rows = trials.map(({ harm, check, checkData, repair, saved, lost }) => [
    harm,
    check,
    checkData === check ? 'the same' : checkData,
    repair.length === 0 ? 'nothing is needed' : repair.map(commandText).join(', '),
    saved.length === 0 ? (lost.length === 0 ? 'all' : '') : saved.join(', '),
    lost.length === 0 ? 'nothing' : lost.join(', '),
  ]);
  return [rowText(titles), `|${titles.map(() => '---').join('|')}|`, ...rows.map(rowText)].join('\n');
}

function commandText(step: string): string {
  return /^(?:repair|recover|unlock|key)/u.test(step) ? `\`${step}\`` : step;
}

function rowText(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('; ', ';<br>')).join(' | ')} |`;
}
