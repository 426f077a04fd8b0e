/** The table of error codes, docs/errors.md and the exit codes that the documentation names agree. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { errorCodes } from '../../src/base/errors.ts';
import { projectRoot } from '../support/documents.ts';

const errorsPage = readFileSync(join(projectRoot, 'docs/errors.md'), 'utf8');
const commandsPage = readFileSync(join(projectRoot, 'docs/commands.md'), 'utf8');

it('docs/errors.md lists the codes with exit code, HTTP status and meaning of the code', () => {
  const rows = [...errorsPage.matchAll(/^\| `(?<code>[a-z-]+)` \| (?<exit>\d+) \| (?<status>\d+) \| (?<meaning>.+) \|$/gmu)];
  const documented = Object.fromEntries(
    rows.map(({ groups }) => [
      groups?.['code'] ?? '',
      { exitCode: Number(groups?.['exit']), httpStatus: Number(groups?.['status']), meaning: groups?.['meaning'] },
    ]),
  );
  assert.deepEqual(documented, { ...errorCodes });
});

it('docs/commands.md explains every exit code that an error can have', () => {
  const section = commandsPage.split('\n## Exit codes\n')[1]?.split('\n## ')[0] ?? '';
  const explained = new Set([...section.matchAll(/^\| (?<code>\d+) \|/gmu)].map(({ groups }) => Number(groups?.['code'])));
  for (const { exitCode } of Object.values(errorCodes)) assert.ok(explained.has(exitCode), `exit code ${exitCode}`);
});

it('advice in docs/errors.md is about codes that exist, and names their exit codes', () => {
  const advised = [...errorsPage.matchAll(/\*\*`(?<code>[a-z-]+)`\*\*(?: \(exit code (?<exit>\d+)\))?/gu)];
  assert.ok(advised.length > 5);
  for (const { groups } of advised) {
    const entry = Object.entries(errorCodes).find(([code]) => code === groups?.['code'])?.[1];
    assert.ok(entry, groups?.['code']);
    if (groups?.['exit'] !== undefined) assert.equal(Number(groups['exit']), entry.exitCode);
  }
});
