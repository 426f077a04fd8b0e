/** What the documentation points at is there. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { anchorsOf, documentationPages, type Page, projectRoot, prose } from '../support/documents.ts';

const pages = documentationPages();

it('there are pages, and they have links', () => {
  assert.ok(pages.length > 15);
  assert.ok(pages.flatMap(linksOf).length > 40);
});

it('every relative link leads to a file, and every anchor to a heading', () => {
  const broken = pages.flatMap((page) =>
    linksOf(page)
      .filter((link) => !leadsSomewhere(page, link))
      .map((link) => `${page.path}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

it('every path of the project in code spans exists', () => {
  const missing = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/`(?<file>(?:src|bin|script|test|wasm|docs|examples|\.ci)\/[\w./-]*)`/gu)]
      .map(({ groups }) => groups?.['file'] ?? '')
      .filter((file) => !existsSync(join(projectRoot, file)) && !existsSync(join(projectRoot, dirname(path), file)))
      .map((file) => `${path}: ${file}`),
  );
  assert.deepEqual(missing, []);
});

it('no link leads out of the project to a file of this machine', () => {
  assert.deepEqual(
    pages.flatMap(linksOf).filter((link) => link.startsWith('/') || link.startsWith('file:')),
    [],
  );
});

it('every page of docs/ can be reached from the README', () => {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    const page = pages.find((one) => one.path === path);
    if (page === undefined || reached.has(path)) return;
    reached.add(path);
    for (const link of linksOf(page)) visit(join(dirname(path), link.split('#')[0] ?? ''));
  };
  visit('README.md');
  assert.deepEqual(
    pages.map(({ path }) => path).filter((path) => path.startsWith('docs/') && !reached.has(path)),
    [],
  );
});

function linksOf({ text }: Page): string[] {
  return [...prose(text).matchAll(/\]\((?<link>[^)\s]+)\)/gu)]
    .map(({ groups }) => groups?.['link'] ?? '')
    .filter((link) => !/^https?:/u.test(link));
}

function leadsSomewhere({ path, text }: Page, link: string): boolean {
  const [file = '', anchor] = link.split('#');
  const target = join(projectRoot, file === '' ? path : join(dirname(path), file));
  if (!existsSync(target)) return false;
  return anchor === undefined || anchorsOf(file === '' ? text : readFileSync(target, 'utf8')).has(anchor);
}
