/**
 * A small fuzzer for decoders: mutates good inputs and checks that whatever is wrong ends in a HoldfastError, soon.
 *
 * HOLDFAST_FUZZ_RUNS sets the number of inputs for each target, HOLDFAST_FUZZ_SEED repeats a run: both are printed.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { HoldfastError } from '../../src/base/errors.ts';

/** About a second for each target. */
const defaultRuns = 3000;
/** Far above what any input of a few kilobytes takes, far below what a person would call a hang. */
const longestRunMs = 2000;
const allowedCodes: ReadonlySet<string> = new Set(['damaged', 'repository-unsupported']);

/** Pieces that decoders of JSON are known to stumble over. */
const tokens = [
  '"__proto__":{"polluted":1}',
  '"constructor":{"prototype":{"polluted":1}}',
  '"toString":null',
  '18446744073709551616',
  '9007199254740993',
  '-1',
  '1e400',
  '-0',
  'null',
  'true',
  '{}',
  '[]',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"../x"',
  '"\\\\x2f"',
  '\\',
  '"',
  ',',
  ':',
  '{',
  '}',
  '[',
  ']',
  '['.repeat(2000),
  '\u0000',
].map((text) => Buffer.from(text));

/** Mulberry32: 32 bits of state are enough to choose mutations, and a seed repeats them. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Mutation = (input: Buffer, other: Buffer, random: (below: number) => number) => Buffer;

const splice = (input: Buffer, at: number, removed: number, inserted: Uint8Array): Buffer =>
  Buffer.concat([input.subarray(0, at), inserted, input.subarray(Math.min(at + removed, input.length))]);

const mutations: readonly Mutation[] = [
  (input, _other, random) => splice(input, random(input.length + 1), 1, Buffer.of(random(256))),
  (input, _other, random) =>
    splice(input, random(input.length + 1), 1, Buffer.of((input[random(input.length || 1)] ?? 0) ^ (1 << random(8)))),
  (input, _other, random) => splice(input, random(input.length + 1), random(8), Buffer.alloc(0)),
  (input, _other, random) => splice(input, random(input.length + 1), random(3), tokens[random(tokens.length)] as Buffer),
  (input, _other, random) => input.subarray(0, random(input.length + 1)),
  (input, other, random) => Buffer.concat([input.subarray(0, random(input.length + 1)), other.subarray(random(other.length + 1))]),
  (input, _other, random) => {
    const start = random(input.length + 1);
    const piece = input.subarray(start, start + random(64));
    return splice(input, random(input.length + 1), 0, piece);
  },
];

export interface FuzzTarget {
  /** Good inputs to start from. */
  readonly corpus: readonly Uint8Array[];
  readonly decode: (input: Buffer) => unknown;
}

export function fuzz(context: TestContext, { corpus, decode }: FuzzTarget): void {
  const runs = Number(process.env['HOLDFAST_FUZZ_RUNS'] ?? defaultRuns);
  const seed = Number(process.env['HOLDFAST_FUZZ_SEED'] ?? Date.now() % 2 ** 32);
  context.diagnostic(`seed ${seed}, ${runs} runs`);
  const random = generator(seed);
  for (let run = 0; run < runs; run++) {
    let input: Buffer = Buffer.from(corpus[random(corpus.length)] as Uint8Array);
    for (let count = 1 + random(4); count > 0; count--) {
      const mutate = mutations[random(mutations.length)] as Mutation;
      input = mutate(input, Buffer.from(corpus[random(corpus.length)] as Uint8Array), random);
    }
    checkInput(input, decode, `seed ${seed}, run ${run}`);
  }
}

function checkInput(input: Buffer, decode: FuzzTarget['decode'], where: string): void {
  const description = `${where}, input (base64) ${input.toString('base64')}`;
  const start = performance.now();
  try {
    decode(input);
  } catch (error) {
    const isAllowed = error instanceof HoldfastError && allowedCodes.has(error.code);
    assert.ok(isAllowed, `${String(error instanceof Error ? error.stack : error)}\n${description}`);
  }
  assert.ok(performance.now() - start < longestRunMs, `took ${performance.now() - start} ms\n${description}`);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined, description);
}
