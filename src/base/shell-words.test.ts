import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HoldfastError } from './errors.ts';
import { splitShellWords } from './shell-words.ts';

const cases: [string, string[]][] = [
  ['cat /secret', ['cat', '/secret']],
  ['  cat\t /secret\n', ['cat', '/secret']],
  ['pass "my repo"', ['pass', 'my repo']],
  ["echo 'a $HOME `id`; rm -rf /'", ['echo', 'a $HOME `id`; rm -rf /']],
  [`echo "it's"`, ['echo', "it's"]],
  ['echo "a""b"', ['echo', 'a', 'b']],
  ["echo 'x'y", ['echo', 'x', 'y']],
  ['C:\\\\prog a', ['C:', 'prog', 'a']],
];

describe('the words of a password command', () => {
  for (const [command, words] of cases) {
    test(`of ${JSON.stringify(command)} are ${JSON.stringify(words)}`, () => {
      assert.deepEqual(splitShellWords(command, 'it'), words);
    });
  }

  for (const command of ['', '   ', '""', 'echo "x', "echo 'x"]) {
    test(`cannot be told from ${JSON.stringify(command)}`, () => {
      assert.throws(
        () => splitShellWords(command, 'the password command'),
        (error) => error instanceof HoldfastError && error.code === 'usage',
      );
    });
  }
});
