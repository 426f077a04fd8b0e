import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checked, errnoName, minusErrno, posixError } from './errno.ts';

it('names the numbers of the kernel, whatever their sign', () => {
  assert.equal(errnoName(2), 'ENOENT');
  assert.equal(errnoName(-2), 'ENOENT');
  assert.equal(errnoName(-11), 'EAGAIN');
  assert.equal(errnoName(95), 'ENOTSUP');
  assert.equal(errnoName(117), 'EUCLEAN');
  assert.equal(errnoName(4242), 'errno 4242');
});

it('gives the number of a name', () => {
  assert.equal(minusErrno('ENOENT'), -2);
  assert.equal(minusErrno('EOPNOTSUPP'), minusErrno('ENOTSUP'));
  assert.throws(() => minusErrno('ENONSENSE'), TypeError);
});

it('makes the same exception of a failure as of one from node:fs', () => {
  const error = posixError('openat', Buffer.from('/srv/x\0'), -13);
  assert.equal(error.code, 'storage-denied');
  assert.equal(error.message, 'openat /srv/x failed: EACCES');
  assert.deepEqual(error.context, { errno: 'EACCES', path: '/srv/x' });
  assert.match(error.hint ?? '', /permissions/);
});

it('lets results pass that are no errors', () => {
  assert.equal(checked('read', 'x', 0), 0);
  assert.equal(checked('read', 'x', 17), 17);
  assert.throws(() => checked('read', 'x', -28), { code: 'storage-full' });
});
