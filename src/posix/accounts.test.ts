import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { groupId, groupName, userId, userName } from './accounts.ts';

/** What the machine's own tool knows, which asks the same name services. */
const users = databaseOf('passwd');
const groups = databaseOf('group');

describe('accounts', () => {
  it('have the names and ids that getent prints', { skip: users.length === 0 ? 'needs getent' : false }, () => {
    for (const [name, id] of firstById(users)) assert.equal(userName(id), name);
    for (const [name, id] of users) assert.equal(userId(name), id);
    for (const [name, id] of firstById(groups)) assert.equal(groupName(id), name);
    for (const [name, id] of groups) assert.equal(groupId(name), id);
  });

  it('include root', () => {
    assert.equal(userName(0), 'root');
    assert.equal(userId('root'), 0);
    assert.equal(groupId(groupName(0)), 0);
  });

  it('that do not exist have no name and no id', () => {
    assert.equal(userName(3_999_999_999), '');
    assert.equal(groupName(3_999_999_999), '');
    for (const name of ['holdfast-has-no-such-user', '', 'ro\0ot', 'x'.repeat(10_000)]) {
      assert.equal(userId(name), undefined);
      assert.equal(groupId(name), undefined);
    }
  });

  it('answer the same a second time', () => {
    assert.equal(userName(0), 'root');
    assert.equal(userName(3_999_999_999), '');
    assert.equal(userId('holdfast-has-no-such-user'), undefined);
  });
});

function databaseOf(kind: 'passwd' | 'group'): [string, number][] {
  let listing: string;
  try {
    listing = execFileSync('getent', [kind], { encoding: 'utf8' });
  } catch {
    return [];
  }
  return listing
    .trim()
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , id = '']) => [name, Number(id)]);
}

/** Several names may share an id; the first is the answer to "who is that". */
function firstById(entries: readonly [string, number][]): [string, number][] {
  return entries.filter(([, id], index) => entries.findIndex(([, other]) => other === id) === index);
}
