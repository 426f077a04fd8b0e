/** The import rule, proven on every file: unlike lint this resolves paths, and sees lazy imports and worker files too. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { adapterFolders, adaptersKnowNoOther, folders, whyAdaptersClosed, whyClosed } from '../../script/import-levels.ts';

const sources = fileURLToPath(new URL('../../src/', import.meta.url));

// `from './x.ts'`, `import './x.ts'`, `import('./x.ts')`, `new URL('./x.ts', import.meta.url)`
const specifiers = /(?:\bfrom\s*|\bimport\s*\(?\s*|\bnew URL\(\s*)'(\.{1,2}\/[^']+)'/gu;

it('every folder of src has a level', () => {
  const known = new Set(folders.map(({ name }) => name));
  const found = readdirSync(sources, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.deepEqual(
    found.map((entry) => entry.name).filter((name) => !known.has(name) && name !== 'web'),
    [],
  );
});

it('every import of product code obeys the levels', () => {
  const files = productFiles();
  assert.ok(files.length > 0);
  const broken = files.flatMap((file) => importsOf(file, readFileSync(join(sources, file), 'utf8')).flatMap((to) => complaint(file, to)));
  assert.deepEqual(broken, []);
});

it('forbidden imports of every kind are found', () => {
  const text = [
    "import { a } from '../cli/main.ts';",
    "import '../storage/local/local-backend.ts';",
    "const b = await import('../app/open.ts');",
    "new Worker(new URL('../archiver/x.worker.ts', import.meta.url));",
    "import c from 'node:fs';",
  ].join('\n');
  const complaints = importsOf('repository/pack.ts', text).flatMap((to) => complaint('repository/pack.ts', to));
  assert.equal(complaints.length, 4, complaints.join('\n'));
});

it('an adapter that imports another adapter is found', () => {
  assert.equal(complaint('storage/local/a.ts', 'storage/memory/b.ts').length, 1);
  assert.deepEqual(complaint('storage/local/a.ts', 'storage/local/parts/b.ts'), []);
  assert.deepEqual(complaint('storage/local/a.ts', 'storage/backend.ts'), []);
  assert.deepEqual(complaint('storage/index.ts', 'storage/local/a.ts'), []);
});

/** Paths below src/ of all TypeScript files that are no tests. */
function productFiles(): string[] {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
}

/** Relative imports in the text of a file, as paths below src/ (those that leave it begin with ..). */
function importsOf(file: string, text: string): string[] {
  return [...text.matchAll(specifiers)].map((match) => normalize(join(dirname(file), match[1] ?? '')));
}

function complaint(file: string, to: string): string[] {
  const reason = whyForbidden(file.split(sep), to.split(sep));
  return reason === undefined ? [] : [`${file} imports ${to}: ${reason}`];
}

function whyForbidden(file: readonly string[], to: readonly string[]): string | undefined {
  const [from = '', adapter = ''] = file;
  const [target = '', targetAdapter = ''] = to;
  // src/index.ts and its like are the package's entry points: they may import everything in src/.
  if (to.join('/') === '../package.json') return undefined;
  if (target === '..') return 'product code stays inside src/';
  if (file.length === 1) return undefined;
  if (to.length === 1) return 'the entry points of the package are for its users';
  const closed = whyClosed(from, target);
  if (closed !== undefined || to.length < 3) return closed;
  if (from === target && adapterFolders.includes(from) && file.length > 2 && adapter !== targetAdapter) return adaptersKnowNoOther;
  return whyAdaptersClosed(from, target);
}
