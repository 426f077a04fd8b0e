/** What main asks of a check worker, and what it answers. */
import type { MasterKey } from '../../crypto/master-key.ts';
import type { IndexTableMemory } from '../index-table.ts';
import type { CheckMemory } from './check-memory.ts';
import type { CheckProblem } from './problem.ts';

export interface CheckWorkerData {
  readonly key: MasterKey;
  /** Where packs can be read: `<folder>/<first two digits>/<id>`. Undefined: main reads them. */
  readonly packFolder: string | undefined;
}

/** Loads an index file into the table. */
export interface IndexRequest {
  readonly kind: 'index';
  readonly id: string;
  readonly path: string;
  readonly memory: IndexTableMemory;
}

/** Comes when the index is complete, before all requests that follow here. */
export interface BeginRequest {
  readonly kind: 'begin';
  readonly memory: CheckMemory;
}

export interface PackRequest {
  readonly kind: 'pack';
  /** See PackGroups. */
  readonly group: number;
  /** The whole pack, where workers cannot open it. */
  readonly bytes?: Uint8Array;
}

export interface TreesRequest {
  readonly kind: 'trees';
  /** Entries of trees that were claimed. */
  readonly entries: Uint32Array;
}

/** Counts the entries from `start` to `end` of the index by what the walk over the trees left. */
export interface SurveyRequest {
  readonly kind: 'survey';
  readonly start: number;
  readonly end: number;
}

export type CheckRequest = IndexRequest | BeginRequest | PackRequest | TreesRequest | SurveyRequest;

export interface IndexResponse {
  readonly kind: 'index';
  /** The numbers that the table gave to the packs of the file. */
  readonly packs: Uint32Array;
}

export interface PackResponse {
  readonly kind: 'pack';
  readonly problems: readonly CheckProblem[];
  readonly bytesRead: number;
}

export interface TreesResponse {
  readonly kind: 'trees';
  readonly problems: readonly CheckProblem[];
  /** Entries of trees that were claimed for main to hand out. */
  readonly subtrees: Uint32Array;
}

export interface SurveyResponse {
  readonly kind: 'survey';
  /** Each blob once, however many entries it has. */
  readonly blobCount: number;
  readonly unusedCount: number;
  readonly unusedBytes: number;
}

export type CheckResponse = IndexResponse | { readonly kind: 'begun' } | PackResponse | TreesResponse | SurveyResponse;
