/**
 * JSON from a repository, which may be hostile: parsed with limits, read field by field into fresh objects.
 *
 * Objects from JSON.parse keep a key such as `__proto__` as a plain own property; nothing here ever copies keys over, so no
 * prototype can be reached. Causes are left out of the errors, because V8 quotes the text, which may hold names or keys.
 */
import { constants } from 'node:buffer';
import { HoldfastError } from '../base/errors.ts';
import { asBuffer } from './utf8.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Thrown by the readers when a number in the text is beyond 2^53: the text has to be parsed again by parseExactly. */
export class InexactNumber extends Error {}

/** V8 holds no longer text. A tree of that size would list about two million entries in one directory. */
const maxDocumentBytes = constants.MAX_STRING_LENGTH;
const highestUint32 = 2 ** 32 - 1;
const highestUint64 = 2n ** 64n - 1n;

export function damaged(what: string, problem: string): HoldfastError {
  return new HoldfastError('damaged', `${what} ${problem}`);
}

/** The text of a document. @throws HoldfastError `repository-unsupported` when it is too long to be held */
function documentText(bytes: Uint8Array, what: string): string {
  if (bytes.length > maxDocumentBytes) {
    throw new HoldfastError('repository-unsupported', `${what} is larger than can be read here`, {
      context: { sizeBytes: bytes.length, limitBytes: maxDocumentBytes },
    });
  }
  return asBuffer(bytes).toString('utf8');
}

/** @throws HoldfastError `damaged` when the text is no JSON object */
function parseObject(text: string, what: string): JsonObject {
  return asObject(parse(text, what, undefined), what);
}

/** As parseObject, with integers beyond 2^53 as bigint. */
function parseObjectExactly(text: string, what: string): JsonObject {
  return asObject(parse(text, what, exactInteger), what);
}

type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown;

function parse(text: string, what: string, reviver: Reviver | undefined): unknown {
  try {
    return JSON.parse(text, reviver);
  } catch {
    // SyntaxError, or RangeError when a document is nested too deeply for the reviver.
    throw damaged(what, 'is not valid JSON');
  }
}

function exactInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? '';
  return /^\d{16,20}$/.test(source) ? BigInt(source) : value;
}

/** Reads with `read`; once more with exact numbers if that is what it needs. */
export function readDocument<T>(bytes: Uint8Array, what: string, read: (document: JsonObject) => T): T {
  const text = documentText(bytes, what);
  try {
    return read(parseObject(text, what));
  } catch (error) {
    if (!(error instanceof InexactNumber)) throw error;
  }
  try {
    return read(parseObjectExactly(text, what));
  } catch (error) {
    throw error instanceof InexactNumber ? damaged(what, 'has a number that is no integer of 64 bits') : error;
  }
}

export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged(what, 'is not an object');
  return value as JsonObject;
}

/** The value's text; undefined when it is absent or null, which Go does not tell apart. */
export function optionalString(value: unknown, what: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw damaged(what, 'is not a string');
  return value.isWellFormed() ? value : value.toWellFormed();
}

export function optionalArray(value: unknown, what: string): readonly unknown[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw damaged(what, 'is not an array');
  return value as unknown[];
}

export function optionalBoolean(value: unknown, what: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw damaged(what, 'is not true or false');
  return value;
}

export function optionalUint32(value: unknown, what: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > highestUint32) {
    throw damaged(what, 'is not an integer of 32 bits');
  }
  return value;
}

/** A bigint only when beyond 2^53. @throws InexactNumber when the document has to be parsed exactly */
export function optionalUint64(value: unknown, what: string): number | bigint | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) {
    if (value <= Number.MAX_SAFE_INTEGER) return value;
    if (value <= Number(highestUint64)) throw new InexactNumber();
  }
  if (typeof value === 'bigint' && value <= highestUint64) return value;
  throw damaged(what, 'is not an integer of 64 bits');
}

const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function optionalBase64(value: unknown, what: string): Buffer | undefined {
  const text = optionalString(value, what);
  if (text === undefined) return undefined;
  if (!base64Pattern.test(text)) throw damaged(what, 'is not base64');
  return Buffer.from(text, 'base64');
}
