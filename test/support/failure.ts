import assert from 'node:assert/strict';
import { type ErrorCode, HoldfastError } from '../../src/base/errors.ts';

/** The error with which the work ends, which must have this code. */
export async function failure(work: Promise<unknown>, code: ErrorCode): Promise<HoldfastError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.code, code, error.message);
    return error;
  }
  return assert.fail(`expected ${code}, but it succeeded`);
}
