import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HoldfastError } from '../../base/errors.ts';
import { Environment } from '../environment.ts';
import type { OptionTable } from './option.ts';
import { parseOptions } from './parse.ts';

const table = {
  repo: { kind: 'text', short: 'r', env: 'REPOSITORY', description: '' },
  exclude: { kind: 'many', short: 'e', description: '' },
  'exclude-larger-than': { kind: 'size', description: '' },
  'dry-run': { kind: 'flag', short: 'n', description: '' },
  'ignore-inode': { kind: 'flag', env: 'IGNORE_INODE', description: '' },
  verbose: { kind: 'count', short: 'v', description: '' },
  'retry-lock': { kind: 'duration', description: '' },
  'pack-size': { kind: 'number', env: 'PACK_SIZE', description: '' },
  compression: { kind: 'text', choices: ['off', 'auto'], description: '' },
} as const satisfies OptionTable;

function parse(args: readonly string[], variables: Record<string, string> = {}) {
  return parseOptions(args, table, new Environment(variables));
}

function usageError(message: RegExp, hint = /./) {
  return (error: unknown) =>
    error instanceof HoldfastError && error.code === 'usage' && message.test(error.message) && hint.test(error.hint ?? '');
}

describe('options of the command line', () => {
  test('a value may follow an equals sign, a space, or a short option directly', () => {
    for (const args of [['--repo=/r'], ['--repo', '/r'], ['-r/r'], ['-r', '/r'], ['-nvr', '/r']]) {
      assert.equal(parse(args).values.repo, '/r', args.join(' '));
    }
  });

  test('a value may begin with a dash', () => {
    assert.deepEqual(parse(['--exclude', '-x', '-e', '--y']).values.exclude, ['-x', '--y']);
  });

  test('short flags can be grouped and counted', () => {
    const { values } = parse(['-nvv', 'path']);
    assert.equal(values['dry-run'], true);
    assert.equal(values.verbose, 2);
  });

  test('a count can be given as a number', () => {
    assert.equal(parse(['--verbose=2']).values.verbose, 2);
  });

  test('what follows two dashes is no option', () => {
    assert.deepEqual(parse(['-n', '--', '--exclude', '-v']).positionals, ['--exclude', '-v']);
  });

  test('sizes take suffixes of 1024, durations take units', () => {
    assert.equal(parse(['--exclude-larger-than', '3M']).values['exclude-larger-than'], 3 * 2 ** 20);
    assert.equal(parse(['--retry-lock', '1h30m']).values['retry-lock'], 5_400_000);
  });

  test('an unknown option is named, and the nearest one proposed', () => {
    assert.throws(() => parse(['--exlude', 'x']), usageError(/--exlude/, /--exclude\?/));
    assert.throws(() => parse(['--exclude-larger', '1']), usageError(/--exclude-larger/, /--exclude-larger-than/));
    assert.throws(() => parse(['-z']), usageError(/-z/));
  });

  test('names from the prototype of objects are unknown options', () => {
    for (const name of ['--constructor', '--__proto__', '--toString=1']) assert.throws(() => parse([name]), usageError(/not known/), name);
  });

  test('the letter of a short option is no long option', () => {
    assert.throws(() => parse(['--r', 'x']), usageError(/--r/));
  });

  test('an unusable value names the option and what it takes', () => {
    assert.throws(() => parse(['--exclude-larger-than', '3X']), usageError(/--exclude-larger-than cannot be "3X"/, /size/));
    assert.throws(() => parse(['--exclude-larger-than', '99999999T']), usageError(/cannot be/));
    assert.throws(() => parse(['--pack-size', '1.5']), usageError(/--pack-size/, /whole number/));
    assert.throws(() => parse(['--retry-lock', '5']), usageError(/--retry-lock/, /duration/));
    assert.throws(() => parse(['--compression', 'zip']), usageError(/--compression/, /off, auto/));
    assert.throws(() => parse(['--repo']), usageError(/--repo needs a value/));
    assert.throws(() => parse(['--dry-run=maybe']), usageError(/--dry-run/));
  });

  test('a variable counts when the option is not given, and HOLDFAST_ wins over RESTIC_', () => {
    const variables = { RESTIC_REPOSITORY: '/restic', HOLDFAST_REPOSITORY: '/holdfast', RESTIC_IGNORE_INODE: 'true' };
    assert.equal(parse([], variables).values.repo, '/holdfast');
    assert.equal(parse(['-r', '/given'], variables).values.repo, '/given');
    assert.equal(parse([], { RESTIC_REPOSITORY: '/restic' }).values.repo, '/restic');
    assert.equal(parse([], variables).values['ignore-inode'], true);
  });

  test('an empty variable counts as not set', () => {
    assert.equal(parse([], { HOLDFAST_REPOSITORY: '', RESTIC_REPOSITORY: '/restic' }).values.repo, '/restic');
  });

  test('an unusable variable is named', () => {
    assert.throws(() => parse([], { RESTIC_PACK_SIZE: 'big' }), usageError(/RESTIC_PACK_SIZE/));
  });
});
