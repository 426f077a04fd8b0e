/** What a person may say about how storages are reached: options, variables, and `-o` in restic's way. */
import type { Clock, Randomness } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';
import type { EventSink } from '../base/events.ts';

export type AwsRoleWord = 'ARN' | 'SESSION_NAME' | 'EXTERNAL_ID' | 'POLICY' | 'REGION' | 'STS_ENDPOINT';

export interface StorageOptions {
  /** Where what a wrapper has to say goes: that a storage does not answer and is tried again. */
  readonly events?: EventSink | undefined;
  readonly clock?: Clock;
  readonly random?: Randomness;
  /** Name and password for a REST server whose location has none. */
  readonly restUsername?: string | undefined;
  readonly restPassword?: string | undefined;
  /** Variables that other programs read, too, as AWS_ACCESS_KEY_ID; the process's own unless told. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** What is set behind HOLDFAST_AWS_ASSUME_ROLE_ or RESTIC_AWS_ASSUME_ROLE_: the role that is taken for S3. */
  readonly awsRole?: (name: AwsRoleWord) => string | undefined;
  /** The passphrase of a key for SSH, by its path; undefined where nobody gave one and nobody can be asked. */
  readonly sshPassphrase?: (path: string) => Promise<string | undefined>;
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
  /** KiB per second towards the storage; 0 or undefined: as fast as it goes. */
  readonly limitUploadKib?: number | undefined;
  readonly limitDownloadKib?: number | undefined;
}

/** Requests or connections at once, unless told: as restic. */
export const defaultConnections = 5;
export const defaultStallMs = 5 * 60_000;

/** Kinds of storage that `-o` may name: what is meant for another kind than the repository's is passed over, as in restic. */
const kinds = new Set(['azure', 'b2', 'gs', 'local', 'rclone', 'rest', 's3', 'sftp', 'ssh', 'swift']);

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

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds from `90s` or `5m`. */
export function durationOption(options: ReadonlyMap<string, string>, name: string, otherwiseMs: number): number {
  const text = options.get(name);
  if (text === undefined) return otherwiseMs;
  const [, amount, unit = ''] = /^(\d{1,6})(ms|s|m|h)$/.exec(text) ?? [];
  if (amount === undefined || Number(amount) === 0) throw unusable(name, 'Give a time like 90s or 5m.');
  return Number(amount) * (unitsMs[unit] ?? 1);
}

/** One of a few words. */
export function choiceOption<T extends string>(options: ReadonlyMap<string, string>, name: string, choices: readonly T[]): T | undefined {
  const text = options.get(name);
  const choice = choices.find((one) => one === text);
  if (text !== undefined && choice === undefined) throw unusable(name, `Give one of ${choices.join(', ')}.`);
  return choice;
}

export function flagOption(options: ReadonlyMap<string, string>, name: string): boolean {
  return choiceOption(options, name, ['true', 'false']) === 'true';
}

/** Values may be secrets: only the name is repeated. */
function unusable(name: string, hint: string): HoldfastError {
  return new HoldfastError('usage', `the extended option ${JSON.stringify(name)} is not usable`, { hint });
}
