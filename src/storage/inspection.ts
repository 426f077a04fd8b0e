/** What only the storage itself can tell, for `preflight`. Every part may be missing; each is asked for by itself, and may fail. */
import type { CallOptions } from './backend.ts';

export interface StorageSpace {
  /** What may still be written, by whoever asks: what is kept for others does not count. */
  readonly freeBytes?: number;
  readonly totalBytes?: number;
  readonly usedBytes?: number;
  /** Of the repository or its owner, where there is one. */
  readonly quotaBytes?: number;
  readonly freeFiles?: number;
}

export interface ClockReading {
  /** The storage's clock minus this machine's. */
  readonly aheadMs: number;
  /** By how much that may be wrong. */
  readonly toleranceMs: number;
}

/** Of an access that has to be renewed now and then, as OAuth's. */
export interface TokenState {
  /** Whose it is, as the person calls it. */
  readonly owner: string;
  /** Kind of the service: `drive`. */
  readonly service: string;
  /** When the token in use ends, in milliseconds since 1970; undefined where it has no end or does not tell. */
  readonly expiresMs?: number;
  /** It is renewed by itself as long as the service agrees. */
  readonly isRenewable: boolean;
  /** When the service forgets an access that nobody uses, in milliseconds since 1970, where that is known. */
  readonly forgottenMs?: number;
}

export interface ClockOptions extends CallOptions {
  /** Where nothing but the time of a file shows the storage's clock: whether one may be written for that, and removed. */
  readonly mayWrite: boolean;
}

export interface StorageInspection {
  space?(options?: CallOptions): Promise<StorageSpace | undefined>;
  clock?(options: ClockOptions): Promise<ClockReading | undefined>;
  token?(options?: CallOptions): Promise<TokenState | undefined>;
}
