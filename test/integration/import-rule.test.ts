/** Lint really complains: each case is a file that breaks the import rule, put into a copy of the project's layout. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../support/peers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

it('an import that points up is a complaint with its reason', async (t) => {
  const complaints = await lint(t, 'src/format/pack.ts', "import '../archiver/archiver.ts';");
  assert.match(complaints, /no-restricted-imports/u);
  assert.match(complaints, /format \(level 1\) may not import archiver \(level 2\)/u);
});

it('a folder of level 1 may import base and no other of its level', async (t) => {
  assert.match(await lint(t, 'src/format/pack.ts', "import '../crypto/sealer.ts';"), /folders of level 1 know only base/u);
  assert.equal(await lint(t, 'src/format/pack.ts', "import '../base/errors.ts';"), '');
});

it('the engine may import the contract of storage and not its adapters', async (t) => {
  assert.equal(await lint(t, 'src/repository/pack/reader.ts', "import '../../storage/backend.ts';"), '');
  const complaints = await lint(t, 'src/repository/pack/reader.ts', "import '../../storage/local/local-backend.ts';");
  assert.match(complaints, /adapters of storage are built in app only/u);
});

it('an adapter may import its contract and not another adapter', async (t) => {
  assert.equal(await lint(t, 'src/storage/local/a.ts', "import '../backend.ts';\nimport './b.ts';\nimport '../../base/ids.ts';"), '');
  assert.match(await lint(t, 'src/storage/local/a.ts', "import '../memory/b.ts';"), /adapter folders never import one another/u);
});

it('product code may not import from test/', async (t) => {
  assert.match(await lint(t, 'src/cli/main.ts', "import '../../test/support/peers.ts';"), /only development has/u);
});

it('any, a non-null assertion, a floating promise and printing below the command line are complaints', async (t) => {
  const text = [
    'export function first(list: string[], read: () => Promise<void>): any {',
    '  void read;',
    '  read();',
    "  console.log('here');",
    '  return list[0]!;',
    '}',
    '',
  ].join('\n');
  const complaints = await lint(t, 'src/format/pack.ts', text, ['--type-aware']);
  for (const rule of ['no-explicit-any', 'no-non-null-assertion', 'no-floating-promises', 'no-console']) {
    assert.ok(complaints.includes(rule), `${rule} is missing in: ${complaints}`);
  }
});

/** Lints one file with the project's own configuration; returns what was printed, '' when there was no complaint. */
async function lint(t: TestContext, path: string, text: string, options: readonly string[] = []): Promise<string> {
  const folder = temporaryFolder(t);
  for (const name of ['oxlint.config.ts', 'tsconfig.json', 'package.json', 'script/import-levels.ts']) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    copyFileSync(join(root, name), join(folder, name));
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), `${text}\n`);
  const oxlint = join(root, 'node_modules/oxlint/bin/oxlint');
  const result = await run(process.execPath, [oxlint, '--format=json', ...options, path], { cwd: folder });
  return result.code === 0 ? '' : result.stdout + result.stderr;
}
