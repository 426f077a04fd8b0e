/** What main asks of a copy worker, and what it answers. */
import type { ErrorRecord } from '../../base/errors.ts';
import type { PackId } from '../../base/ids.ts';
import type { CompressionMode } from '../../compression/compressor.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import type { FinishedPack, IndexFileRequest, MergeRequest, UnfinishedPack } from '../archive/messages.ts';
import type { IndexTableMemory } from '../index-table.ts';
import type { WriteIndexRequest } from '../prune/messages.ts';

export interface CopyWorkerData {
  readonly worker: number;
  /** Rows of Counters, one for each worker. */
  readonly counters: SharedArrayBuffer;
}

/** One of the two repositories, as workers need it. */
export interface CopySide {
  readonly key: MasterKey;
  readonly index: IndexTableMemory;
  /** Where packs can be read: `<folder>/<first two digits>/<id>`. Undefined: main reads them. */
  readonly packFolder: string | undefined;
}

/** Comes when both indexes are loaded, before all requests that follow here. */
export interface CopyBeginRequest {
  readonly kind: 'begin';
  readonly source: CopySide;
  readonly destination: CopySide;
  /** See NeedMarks. */
  readonly marks: SharedArrayBuffer;
  /** Undefined on a dry run: then nothing is written. */
  readonly writing: CopyWriting | undefined;
}

export interface CopyWriting {
  readonly stagingFolder: string;
  readonly packSizeBytes: number;
  /** False in a repository of format version 1. */
  readonly isCompressed: boolean;
  /** For blobs that are not compressed yet; with `recompress` for all. */
  readonly compression: CompressionMode;
  readonly recompress: boolean;
}

/** Read these trees of the source, which were claimed for that, and mark what they need. */
export interface MarkRequest {
  readonly kind: 'mark';
  readonly entries: Uint32Array;
  readonly batch: number;
}

/** Copy these blobs, all of one pack. */
export interface TransferRequest {
  readonly kind: 'transfer';
  /** Of the source's index. */
  readonly entries: Uint32Array;
  /** Where workers cannot open the pack: a span of it that holds the blobs, and where in the pack it begins. */
  readonly span?: { readonly bytes: Uint8Array; readonly offset: number };
}

/** Read a pack of the destination back and compare it with what was written. */
export interface ProofRequest {
  readonly kind: 'prove';
  readonly id: PackId;
  /** As in FinishedPack. */
  readonly blobs: Uint32Array;
  /** The whole pack, where workers cannot open it. */
  readonly bytes?: Uint8Array;
}

/** Give up the packs that are not full. */
export interface CopyFlushRequest {
  readonly kind: 'flush';
}

export type CopyRequest =
  | IndexFileRequest
  | CopyBeginRequest
  | MarkRequest
  | TransferRequest
  | ProofRequest
  | CopyFlushRequest
  | MergeRequest
  | WriteIndexRequest;

export interface MarkResponse {
  readonly kind: 'marked';
  /** Entries of trees that were claimed for main to hand out. */
  readonly subtrees: Uint32Array;
  readonly blobCount: number;
  /** As the blobs are stored in the source. */
  readonly sizeBytes: number;
  /** Trees that cannot be read, and blobs that neither repository has. */
  readonly problemCount: number;
}

export interface LostBlob {
  /** Of the source's index. */
  readonly entry: number;
  readonly error: ErrorRecord;
}

export type CopyResponse =
  | { readonly kind: 'done' }
  | { readonly kind: 'packs'; readonly packs: Uint32Array }
  | MarkResponse
  | { readonly kind: 'transferred'; readonly lost: readonly LostBlob[] }
  | { readonly kind: 'written'; readonly id: string }
  | { readonly kind: 'unfinished'; readonly packs: readonly UnfinishedPack[] };

export interface CopyNotice {
  readonly kind: 'pack';
  readonly pack: FinishedPack;
}
