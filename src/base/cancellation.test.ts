import assert from 'node:assert/strict';
import { it } from 'node:test';
import { throwIfCancelled } from './cancellation.ts';
import { HoldfastError } from './errors.ts';

it('nothing is thrown without a signal, or before it fires', () => {
  throwIfCancelled(undefined);
  throwIfCancelled(new AbortController().signal);
});

it('a signal that fired is thrown as cancelled, and a reason of our own as it is', () => {
  assert.throws(() => throwIfCancelled(AbortSignal.abort()), { code: 'cancelled' });
  const reason = new HoldfastError('repository-locked', 'the lock was lost');
  assert.throws(() => throwIfCancelled(AbortSignal.abort(reason)), reason);
});
