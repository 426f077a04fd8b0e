/** The tables in the documentation say what the code says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { commandsWithTables, pagesWithTables, withCurrentTables } from '../../script/reference-tables.ts';
import { commandTable } from '../../src/cli/commands/table.ts';
import { projectRoot } from '../support/documents.ts';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

describe('tables', () => {
  for (const path of pagesWithTables) {
    it(`those in ${path} are current (else: node script/reference-tables.ts)`, async () => {
      assert.equal(read(path), await withCurrentTables(read(path)));
    });
  }

  it('a table that differs from the code is made anew, and the text around it stays', async () => {
    const page = read('docs/errors.md');
    const changed = page.replace('| `partial` | 3 |', '| `partial` | 4 |');
    assert.notEqual(changed, page);
    assert.equal(await withCurrentTables(changed), page);
    await assert.rejects(withCurrentTables('<!-- table: options of nothing -->\n<!-- end of table -->'), /there is no table/u);
  });

  it('docs/commands.md has one for every command and none for others', () => {
    assert.deepEqual(commandsWithTables(read('docs/commands.md')).toSorted(), ['every command', ...Object.keys(commandTable)].toSorted());
  });
});

it('every option of every command stands in docs/commands.md', async () => {
  const page = read('docs/commands.md');
  for (const [name, entry] of Object.entries(commandTable)) {
    const { options } = await entry.load();
    const section = page.slice(page.indexOf(`<!-- table: options of ${name} -->`)).split('<!-- end of table -->')[0] ?? '';
    const missing = Object.entries(options).filter(([option, spec]) => spec.isHidden !== true && !section.includes(`--${option}`));
    assert.deepEqual(
      missing.map(([option]) => option),
      [],
      name,
    );
  }
});
