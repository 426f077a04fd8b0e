/** What main asks of a worker of `prune` or `repair index`, and what it answers. */
import type { CompressionMode } from '../../compression/compressor.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import type { FinishedPack, MergeRequest, UnfinishedPack } from '../archive/messages.ts';
import type { CheckMemory } from '../check/check-memory.ts';
import type { IndexTableMemory } from '../index-table.ts';

export interface PruneWorkerData {
  readonly key: MasterKey;
  /** Where packs can be read: `<folder>/<first two digits>/<id>`. Undefined: main reads them. */
  readonly packFolder: string | undefined;
}

/** What all threads share while they find out which blobs are used: a bit for each entry of the index in each set. */
export interface UsageMemory {
  readonly index: IndexTableMemory;
  /** Blobs that snapshots use. Of a blob that is stored several times it is the entry that `IndexTable.find` gives. */
  readonly usedBits: SharedArrayBuffer;
  /** Trees that somebody reads, or has read. */
  readonly claimedBits: SharedArrayBuffer;
}

/** The index pack by pack, and what is found out about its entries. */
export interface SurveyMemory extends Pick<CheckMemory, 'order' | 'groups'> {
  /** Per pack a byte: 1 when the storage has it, in the size that its blobs need. */
  readonly fitPacks: SharedArrayBuffer;
  /** Entries, the first or not, whose blob is used. */
  readonly neededBits: SharedArrayBuffer;
  /** Needed entries in fit packs whose blob lies in fit packs more than once. */
  readonly duplicateBits: SharedArrayBuffer;
  /** Per entry a byte, of use at the first entry of a blob: in how many places it lies in fit packs; `maxCopies` for all that are more. */
  readonly copies: SharedArrayBuffer;
}

export interface PackingTask {
  readonly stagingFolder: string;
  readonly packSizeBytes: number;
  readonly compression: CompressionMode;
}

/** Reads an index file into the table. */
export interface IndexRequest {
  readonly kind: 'index';
  readonly id: string;
  readonly path: string;
  readonly memory: IndexTableMemory;
}

/** What there is to work with by now: comes again when there is more, before the requests that need it. */
export interface BeginRequest {
  readonly kind: 'begin';
  readonly usage: UsageMemory;
  readonly survey?: SurveyMemory | undefined;
  readonly packing?: PackingTask | undefined;
}

/** Reads trees that were claimed. */
export interface TreesRequest {
  readonly kind: 'trees';
  readonly entries: Uint32Array;
}

/** Looks at the entries of the packs from number `start` to before `end`, in the step that is named; see survey.ts. */
export interface SurveyRequest {
  readonly kind: 'survey';
  readonly step: 'count' | 'flag' | 'prove';
  readonly start: number;
  readonly end: number;
  /** Per pack a byte, for the step `prove`: 1 when the pack stays. */
  readonly staying?: SharedArrayBuffer;
}

/** Copies blobs of one pack into new packs. */
export interface CopyRequest {
  readonly kind: 'copy';
  readonly pack: string;
  /** Entries of its blobs that are to be kept, by their offsets. */
  readonly entries: Uint32Array;
  /** Blobs that are stored as they are get compressed on the way. */
  readonly mustCompress: boolean;
  /** The whole pack, where workers cannot open it. */
  readonly bytes?: Uint8Array;
}

export interface FlushRequest {
  readonly kind: 'flush';
}

/** Reads what packs say of themselves into the table. */
export interface HeadersRequest {
  readonly kind: 'headers';
  readonly memory: IndexTableMemory;
  readonly packs: readonly ListedPack[];
}

export interface ListedPack {
  readonly id: string;
  readonly sizeBytes: number;
}

/** Writes an index file of these packs into the staging folder. */
export interface WriteIndexRequest {
  readonly kind: 'write-index';
  readonly index: IndexTableMemory;
  readonly packs: readonly PackEntries[];
  readonly stagedPath: string;
  /** False in a repository of format version 1. */
  readonly isCompressed: boolean;
}

export interface PackEntries {
  /** Its number in the index. */
  readonly pack: number;
  readonly entries: Uint32Array;
}

export type PruneRequest =
  | IndexRequest
  | BeginRequest
  | TreesRequest
  | SurveyRequest
  | CopyRequest
  | FlushRequest
  | MergeRequest
  | HeadersRequest
  | WriteIndexRequest;

/** A tree names a blob that no index has. */
export interface MissingBlob {
  readonly type: 'data' | 'tree';
  readonly blob: string;
  /** The tree that names it. */
  readonly tree: string;
}

export interface IndexResponse {
  readonly kind: 'index';
  /** The numbers that the table gave to the packs of the file. */
  readonly packs: Uint32Array;
}

export interface TreesResponse {
  readonly kind: 'trees';
  /** Entries of trees that were claimed for main to hand out. */
  readonly subtrees: Uint32Array;
  readonly missing: readonly MissingBlob[];
  readonly missingCount: number;
}

export interface SurveyResponse {
  readonly kind: 'survey';
  /** `count`: places where a blob lies a second time and more. `prove`: used blobs that no pack that stays would have. */
  readonly found: number;
}

export interface DamagedPack {
  readonly pack: string;
  readonly message: string;
}

export interface HeadersResponse {
  readonly kind: 'headers';
  /** The numbers that the table gave to the packs that could be read. */
  readonly packs: Uint32Array;
  readonly damaged: readonly DamagedPack[];
}

export type PruneResponse =
  | IndexResponse
  | TreesResponse
  | SurveyResponse
  | HeadersResponse
  | { readonly kind: 'done' }
  | { readonly kind: 'unfinished'; readonly packs: readonly UnfinishedPack[] }
  | { readonly kind: 'written'; readonly id: string };

export interface PruneNotice {
  readonly kind: 'pack';
  readonly pack: FinishedPack;
}

/** More copies of a blob than this are not told apart. Far below a byte's end, because several threads add without waiting. */
export const maxCopies = 200;
