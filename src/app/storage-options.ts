/** What a person may say about how storages are reached: options, variables, and `-o` in restic's way. */
import type { Clock, Randomness } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';
import type { EventSink } from '../base/events.ts';

export interface StorageOptions {
  /** Where what a wrapper has to say goes: that a storage does not answer and is tried again. */
  readonly events?: EventSink | undefined;
  readonly clock?: Clock;
  readonly random?: Randomness;
  /** Name and password for a REST server whose location has none. */
  readonly restUsername?: string | undefined;
  readonly restPassword?: string | undefined;
  /** Files with certificates of authorities, which alone are trusted then. */
  readonly authorityFiles?: readonly string[];
  /** A file with the client's own certificate and key. */
  readonly clientCertificateFile?: string | undefined;
  readonly isTlsUnverified?: boolean;
  /** How long a failing call is repeated; 15 minutes unless told. */
  readonly retryMs?: number | undefined;
  /** After so long without a byte a request has failed; 5 minutes unless told, as in restic. */
  readonly stallMs?: number | undefined;
  /** `rest.connections=5` and the like. */
  readonly extended?: readonly string[];
  /** Where files are written that are on their way to a storage; the system's folder for temporary files unless told. */
  readonly temporaryFolder?: string | undefined;
}

/** Kinds of storage that `-o` may name: what is meant for another kind than the repository's is passed over, as in restic. */
const kinds = new Set(['azure', 'b2', 'gs', 'local', 'rclone', 'rest', 's3', 'sftp', 'swift']);

/**
 * The `-o` options for one kind of storage.
 * @throws HoldfastError `usage` for one that is written wrongly or that this kind does not know
 */
export function extendedOptions(kind: string, given: readonly string[], known: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const text of given) {
    const [, namespace = '', name = '', value] = /^([^.=]+)\.([^=]+)=(.*)$/s.exec(text) ?? [];
    if (value === undefined || !kinds.has(namespace)) throw unusable(text.split('=', 1)[0] ?? '', 'Write it as -o rest.connections=5.');
    if (namespace !== kind) continue;
    if (!known.includes(name))
      throw unusable(`${namespace}.${name}`, `For ${kind} there is ${known.map((known) => `${kind}.${known}`).join(', ')}.`);
    found.set(name, value);
  }
  return found;
}

/** A whole number from 1 on. */
export function countOption(options: ReadonlyMap<string, string>, name: string, otherwise: number): number {
  const text = options.get(name);
  if (text === undefined) return otherwise;
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw unusable(name, 'Give a whole number from 1 on.');
}

/** Values may be secrets: only the name is repeated. */
function unusable(name: string, hint: string): HoldfastError {
  return new HoldfastError('usage', `the extended option ${JSON.stringify(name)} is not usable`, { hint });
}
