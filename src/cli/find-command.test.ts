import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HoldfastError } from '../base/errors.ts';
import { findCommand } from './find-command.ts';

function usageError(message: RegExp, hint: RegExp) {
  return (error: unknown) =>
    error instanceof HoldfastError && error.code === 'usage' && message.test(error.message) && hint.test(error.hint ?? '');
}

describe('the command word', () => {
  test('global options may stand before it', () => {
    assert.deepEqual(findCommand(['-r', 'backup', '--json', 'ls', 'latest', '-l']), {
      name: 'ls',
      rest: ['-r', 'backup', '--json', 'latest', '-l'],
    });
  });

  test('may be two words, with options between them', () => {
    assert.deepEqual(findCommand(['key', '-r', '/repo', 'add', '--user', 'me']), {
      name: 'key add',
      rest: ['-r', '/repo', '--user', 'me'],
    });
  });

  test('may be three words, of which the first is a command, too', () => {
    assert.deepEqual(findCommand(['--json', 'serve', 'trash', 'list', '--path', '/p']), {
      name: 'serve trash list',
      rest: ['--json', '--path', '/p'],
    });
    assert.deepEqual(findCommand(['serve', '--path', '/p']), { name: 'serve', rest: ['--path', '/p'] });
    assert.deepEqual(findCommand(['serve', 'trash']), { name: 'serve trash', rest: [] });
    assert.throws(() => findCommand(['serve', 'trash', 'lst']), usageError(/"serve trash lst"/, /serve trash list/));
  });

  test('may be missing', () => {
    assert.equal(findCommand(['--json']), undefined);
  });

  test('is proposed when it is misspelled', () => {
    assert.throws(() => findCommand(['bakcup']), usageError(/"bakcup"/, /holdfast backup\?/));
    assert.throws(() => findCommand(['key', 'lst']), usageError(/"key lst"/, /key list/));
    assert.throws(() => findCommand(['constructor']), usageError(/not known/, /help/));
  });

  test('of restic that does not exist here is recognised', () => {
    assert.throws(() => findCommand(['mount']), usageError(/mount is restic's/, /same format/));
  });

  test('must come before the options of the command', () => {
    assert.throws(() => findCommand(['--exclude', 'x', 'backup']), usageError(/--exclude/, /after its name/));
  });
});
