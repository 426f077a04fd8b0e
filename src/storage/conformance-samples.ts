/** What the conformance suite of backends works with. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type ErrorCode, HoldfastError } from '../base/errors.ts';
import type { Backend, FileKind, StoredFile } from './backend.ts';

/** A file whose bytes and name depend on the number and kind alone. */
export function sample(kind: FileKind, n: number): { file: StoredFile; bytes: Buffer } {
  const bytes = Buffer.from(`${kind} number ${n} `.repeat(3 + n));
  return { file: { kind, name: createHash('sha256').update(bytes).digest('hex') }, bytes };
}

export async function namesOf(backend: Backend, kind: FileKind): Promise<string[]> {
  return (await Array.fromAsync(backend.list(kind))).map(({ name }) => name);
}

export async function rejectsWith(code: ErrorCode, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof HoldfastError, `not a HoldfastError: ${String(error)}`);
    assert.equal(error.code, code, error.message);
    return true;
  });
}

export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
