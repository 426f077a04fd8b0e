/** The project's documentation, as tests look at it. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('../../', import.meta.url));

export interface Page {
  /** Relative to the project's root. */
  readonly path: string;
  readonly text: string;
}

/** All pages of Markdown that people read. */
export function documentationPages(): Page[] {
  const patterns = ['*.md', 'docs/**/*.md', 'wasm/*.md'];
  const paths = globSync(patterns, { cwd: projectRoot }).sort();
  return paths.map((path) => ({ path, text: readFileSync(join(projectRoot, path), 'utf8') }));
}

/** The commands of a page that are marked as runnable, one after the other: `<!-- runnable -->` stands before their block. */
export function runnableCommands({ text }: Page): string {
  return [...text.matchAll(/^<!-- runnable -->\n```sh\n(?<commands>[^]*?)^```$/gmu)]
    .map(({ groups }) => groups?.['commands'] ?? '')
    .join('');
}

/** Text without blocks of code and spans of code, where brackets mean something else. */
export function prose(text: string): string {
  return text.replace(/^```[^]*?^```$/gmu, '').replace(/`[^`\n]*`/gu, '`');
}

/** The anchors that headings get where Markdown is shown (GitHub's rule). */
export function anchorsOf(text: string): Set<string> {
  const headings = [...text.replace(/^```[^]*?^```$/gmu, '').matchAll(/^#+ (?<title>.+)$/gmu)];
  return new Set(headings.map(({ groups }) => slug(groups?.['title'] ?? '')));
}

function slug(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/gu, '-');
}
