/**
 * Patterns for one component of a path, with the meaning of Go's filepath.Match: '*', '?', '[a-z]', '[^a-z]' and '\'.
 *
 * A pattern is compiled into chunks: single-character tests, which may stand behind a star. As in Go a star steps over
 * bytes, not characters, and every chunk but the last takes the leftmost place where it fits.
 */
import { decodeRune } from './path-text.ts';

/** How a component is recognised; the simple kinds can be found by a look-up among many patterns. */
export type Glob =
  | { readonly kind: 'literal' | 'prefix' | 'suffix'; readonly text: string }
  | { readonly kind: 'chunks'; readonly chunks: readonly Chunk[] };

interface Chunk {
  readonly isAfterStar: boolean;
  readonly tests: readonly Test[];
}

type Test =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'class'; readonly isNegated: boolean; readonly ranges: readonly Range[] };

interface Range {
  readonly low: number;
  readonly high: number;
}

/** @returns undefined for a malformed pattern: a class that is empty or not closed, a backslash at the end */
export function parseGlob(pattern: string): Glob | undefined {
  const chunks: Chunk[] = [];
  for (let position = 0; position < pattern.length; ) {
    const start = skipStars(pattern, position);
    const tests: Test[] = [];
    const end = parseTests(pattern, start, tests);
    if (end === malformed) return undefined;
    chunks.push({ isAfterStar: start > position, tests });
    position = end;
  }
  return simplify(chunks);
}

/** Whether the pattern fits all of the name. A name has no slash inside; the root '/' is fit by '/' only. */
export function globFits(glob: Glob, name: string): boolean {
  switch (glob.kind) {
    case 'literal':
      return name === glob.text;
    case 'suffix':
      return name.endsWith(glob.text);
    case 'prefix':
      return name.startsWith(glob.text);
    case 'chunks':
      return chunksFit(glob.chunks, name);
  }
}

function chunksFit(chunks: readonly Chunk[], name: string): boolean {
  const last = chunks.at(-1);
  let position = 0;
  for (const chunk of chunks) {
    position = placeChunk(chunk, chunk === last, name, position);
    if (position === noFit) return false;
  }
  return position === name.length;
}

const noFit = -1;

/** Where the chunk ends when put at its place, which for the last chunk is the end of the name. */
function placeChunk(chunk: Chunk, isLast: boolean, name: string, position: number): number {
  if (chunk.tests.length === 0) return name.length;
  const lastStart = chunk.isAfterStar ? name.length : position;
  for (let start = position; start <= lastStart; start += 1) {
    const end = testsFit(chunk.tests, name, start);
    if (end !== noFit && (end === name.length || !isLast)) return end;
  }
  return noFit;
}

function testsFit(tests: readonly Test[], name: string, start: number): number {
  let position = start;
  for (const test of tests) {
    if (test.kind === 'text') {
      if (!name.startsWith(test.text, position)) return noFit;
      position += test.text.length;
      continue;
    }
    if (position >= name.length) return noFit;
    const rune = decodeRune(name, position);
    if (test.kind === 'class' && isInRanges(test.ranges, rune.point) === test.isNegated) return noFit;
    position += rune.width;
  }
  return position;
}

function isInRanges(ranges: readonly Range[], point: number): boolean {
  return ranges.some((range) => range.low <= point && point <= range.high);
}

const malformed = -1;

/** Appends tests up to the next star outside of a class; returns where it stopped. */
function parseTests(pattern: string, start: number, tests: Test[]): number {
  let position = start;
  while (position < pattern.length && pattern[position] !== '*') {
    const character = pattern.charAt(position);
    if (character === '[') {
      position = parseClass(pattern, position + 1, tests);
      if (position === malformed) return malformed;
      continue;
    }
    if (character === '\\' && position + 1 === pattern.length) return malformed;
    const literal = character === '\\' ? pattern.charAt(position + 1) : character;
    if (character === '?') tests.push({ kind: 'any' });
    else pushText(tests, literal);
    position += character === '\\' ? 2 : 1;
  }
  return position;
}

function pushText(tests: Test[], text: string): void {
  const last = tests.at(-1);
  if (last?.kind === 'text') tests[tests.length - 1] = { kind: 'text', text: last.text + text };
  else tests.push({ kind: 'text', text });
}

/** `start` is behind the bracket. */
function parseClass(pattern: string, start: number, tests: Test[]): number {
  const isNegated = pattern[start] === '^';
  const ranges: Range[] = [];
  let position = isNegated ? start + 1 : start;
  while (ranges.length === 0 || pattern[position] !== ']') {
    const low = parseClassCharacter(pattern, position);
    if (low === undefined) return malformed;
    const high = pattern[low.end] === '-' ? parseClassCharacter(pattern, low.end + 1) : low;
    if (high === undefined) return malformed;
    ranges.push({ low: low.point, high: high.point });
    position = high.end;
  }
  tests.push({ kind: 'class', isNegated, ranges });
  return position + 1;
}

function parseClassCharacter(pattern: string, start: number): { point: number; end: number } | undefined {
  const character = pattern[start];
  if (character === undefined || character === '-' || character === ']') return undefined;
  const position = character === '\\' ? start + 1 : start;
  if (position >= pattern.length) return undefined;
  const rune = decodeRune(pattern, position);
  const isBroken = rune.width === 1 && rune.point > 0x7f;
  const end = position + rune.width;
  return isBroken || end >= pattern.length ? undefined : { point: rune.point, end };
}

function skipStars(pattern: string, start: number): number {
  let position = start;
  while (pattern[position] === '*') position += 1;
  return position;
}

function simplify(chunks: readonly Chunk[]): Glob {
  const [first, second] = chunks;
  if (first === undefined) return { kind: 'literal', text: '' };
  const text = onlyText(first);
  if (text !== undefined && chunks.length === 1) return { kind: first.isAfterStar ? 'suffix' : 'literal', text };
  const isPrefix = chunks.length === 2 && !first.isAfterStar && second?.tests.length === 0;
  return text !== undefined && isPrefix ? { kind: 'prefix', text } : { kind: 'chunks', chunks };
}

/** '' for a lone star, which so becomes the suffix ''. */
function onlyText(chunk: Chunk): string | undefined {
  const [test, more] = chunk.tests;
  if (test === undefined) return '';
  return test.kind === 'text' && more === undefined ? test.text : undefined;
}
