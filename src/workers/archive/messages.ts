/**
 * What main asks of an archive worker, and what the worker says while it works.
 *
 * A hole is a place in a directory's tree that is filled later: by another worker's answer, or by main. Its token is
 * unique in the run. What fills it is the JSON text of one node, of several joined by commas, or nothing.
 */
import type { ErrorRecord } from '../../base/errors.ts';
import type { BlobId, PackId } from '../../base/ids.ts';
import type { CompressionMode } from '../../compression/compressor.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import type { NodeFields } from '../../format/node-encoder.ts';
import type { ParentEntry } from '../../format/parent-entries.ts';
import type { FileSelection } from '../../selection/selection.ts';
import type { BlobType, IndexTableMemory } from '../index-table.ts';
import type { Added, FileChange } from './counters.ts';

export type HoleToken = number;

/** A token is `sequence * tokenStride + worker`: no two workers make the same. */
export const tokenStride = 256;

/** Files of this size and more may be cut by one worker and stored by all: where workers would be idle otherwise, since cutting reads the file once more. */
export const sharedFileBytes = 1 << 25;
/** Files of this size and more always are: nobody knows yet whether one will be the last, with all other workers done. */
export const alwaysSharedBytes = 1 << 29;

export interface ArchiveWorkerData {
  readonly worker: number;
  readonly counters: SharedArrayBuffer;
  /** Int32: how many requests wait at main for a free worker; a worker gives work away while it is low. */
  readonly hunger: SharedArrayBuffer;
  /** Int32: 1 when the backup has ended and nobody waits for answers. */
  readonly stop: SharedArrayBuffer;
  /** Where main puts trees of the parent that this worker cannot read itself. */
  readonly mailbox: SharedArrayBuffer;
  /** Of UploadRoom. */
  readonly staged: SharedArrayBuffer;
}

/** Which differences to the parent snapshot make a file be read again, as restic's options of these names. */
export interface ChangeRules {
  readonly ignoreInode: boolean;
  readonly ignoreCtime: boolean;
}

export interface BeginRequest {
  readonly kind: 'begin';
  readonly key: MasterKey;
  readonly polynomial: bigint;
  readonly index: IndexTableMemory;
  /** Where finished packs can be read: `<folder>/<first two digits>/<id>`. */
  readonly packFolder: string | undefined;
  readonly stagingFolder: string;
  readonly packSizeBytes: number;
  /** Where packs are sent away: no more than this waits for it. Undefined where they stay in place. */
  readonly maxStagedBytes: number | undefined;
  readonly compression: CompressionMode;
  readonly isCompressed: boolean;
  readonly isDryRun: boolean;
  readonly withAtime: boolean;
  readonly reportItems: boolean;
  readonly changes: ChangeRules;
  /** Undefined when everything is to be saved. */
  readonly selection: FileSelection | undefined;
  /** For `oneFileSystem`. */
  readonly allowedDevices: ReadonlyMap<string, string>;
}

/** One entry of the file system to save: a target of the backup, or what another worker gave away. */
export interface EntryRequest {
  readonly kind: 'entry';
  readonly path: Uint8Array;
  /** Its path in the snapshot, as bytes that begin with a slash. */
  readonly snapshotPath: Uint8Array;
  readonly parentTree: string | undefined;
  /** Named by the user: exclude rules do not apply to it. */
  readonly isExplicit: boolean;
}

/** A directory that the walk met, already selected. Its node, unless it is made later, fills the hole. */
export interface DirectoryRequest {
  readonly kind: 'directory';
  readonly token: HoleToken;
  readonly path: Uint8Array;
  readonly snapshotPath: Uint8Array;
  readonly previous: ParentEntry | undefined;
}

/** Some names of a large directory. */
export interface NamesRequest {
  readonly kind: 'names';
  readonly token: HoleToken;
  readonly path: Uint8Array;
  readonly snapshotPath: Uint8Array;
  readonly parentTree: string | undefined;
  readonly names: readonly Uint8Array[];
}

/** A file too large to read inside the walk. */
export interface FileRequest {
  readonly kind: 'file';
  /** As it was when the walk met it. */
  readonly sizeBytes: number;
  readonly token: HoleToken;
  readonly path: Uint8Array;
  readonly snapshotPath: Uint8Array;
  readonly previous: ParentEntry | undefined;
  /** To be read by this worker alone, because it became shorter while several read it. */
  readonly isSequential?: boolean;
}

/** Descriptors belong to the whole process: any thread can read from one. */
export interface OpenFile {
  readonly fd: number;
  /** For messages. */
  readonly path: Uint8Array;
}

/** Find the next cuts of a very large file from `offset` on, at most about `spanBytes` of it. */
export interface CutRequest extends OpenFile {
  readonly kind: 'cut';
  readonly offset: number;
  readonly spanBytes: number;
}

/** Store these consecutive chunks of an open file. */
export interface ChunksRequest extends OpenFile {
  readonly kind: 'chunks';
  readonly offset: number;
  readonly lengths: readonly number[];
}

/** Store one chunk of a stream, handed over in shared memory. */
export interface StreamChunkRequest {
  readonly kind: 'stream-chunk';
  readonly memory: SharedArrayBuffer;
  readonly length: number;
}

export interface TreeRequest {
  readonly kind: 'tree';
  /** JSON texts of nodes in the order of their names. */
  readonly nodes: readonly string[];
}

/** The node of a directory above a target: its metadata without its content. */
export interface MetadataRequest {
  readonly kind: 'metadata';
  readonly path: Uint8Array;
  readonly snapshotPath: Uint8Array;
  readonly parentTree: string | undefined;
}

export interface FlushRequest {
  readonly kind: 'flush';
}

/** Make one pack of what the workers' unfinished packs hold. */
export interface MergeRequest {
  readonly kind: 'merge';
  readonly type: BlobType;
  readonly parts: readonly UnfinishedPack[];
}

/** Read an index file into the shared table; comes before `begin`. */
export interface IndexFileRequest {
  readonly kind: 'index-file';
  readonly key: MasterKey;
  readonly index: IndexTableMemory;
  readonly id: string;
  readonly path: string;
}

export type ArchiveRequest =
  | IndexFileRequest
  | BeginRequest
  | EntryRequest
  | DirectoryRequest
  | NamesRequest
  | FileRequest
  | CutRequest
  | ChunksRequest
  | StreamChunkRequest
  | TreeRequest
  | MetadataRequest
  | FlushRequest
  | MergeRequest;

export type ArchiveResponse =
  | { readonly kind: 'done' }
  /** Numbers of the packs that an index file brought. */
  | { readonly kind: 'packs'; readonly packs: Uint32Array }
  /** Text of nodes, a token when it comes later (a `pending` notice came before), undefined when there is nothing to save. */
  | { readonly kind: 'filled'; readonly part: string | HoleToken | undefined }
  /** A very large file, opened and described: main has it cut and stored by all workers, then makes its node. */
  | { readonly kind: 'large'; readonly fd: number; readonly fields: NodeFields }
  | { readonly kind: 'cuts'; readonly lengths: readonly number[]; readonly isEnd: boolean }
  | ({ readonly kind: 'blobs'; readonly ids: readonly BlobId[] } & Added)
  /** The file is shorter than it was when it was cut. */
  | { readonly kind: 'shrunk' }
  | { readonly kind: 'unreadable'; readonly error: ErrorRecord }
  | { readonly kind: 'tree'; readonly id: string }
  | {
      readonly kind: 'metadata';
      readonly head: string;
      readonly previousTree: string | undefined;
      readonly isSameMetadata: boolean;
      readonly isNew: boolean;
    }
  | { readonly kind: 'unfinished'; readonly packs: readonly UnfinishedPack[] };

/** Entries of the index and their lengths, as triples: entry, stored length, length before compression or 0. */
export interface UnfinishedPack {
  readonly type: BlobType;
  readonly stagedPath: string;
  readonly sizeBytes: number;
  readonly blobs: Uint32Array;
}

export interface FinishedPack extends UnfinishedPack {
  readonly id: PackId;
}

/** Words for each blob in `blobs`. */
export const wordsPerBlob = 3;

export function blobCountOf({ blobs }: UnfinishedPack): number {
  return blobs.length / wordsPerBlob;
}

export type ArchiveNotice =
  | { readonly kind: 'pack'; readonly pack: FinishedPack }
  | {
      readonly kind: 'pending';
      readonly token: HoleToken;
      readonly parts: readonly (string | HoleToken)[];
      /** The directory's node up to its subtree's id; empty for a share of its names. */
      readonly head: string;
      readonly snapshotPath: Uint8Array;
      readonly isNew: boolean;
      readonly previousTree: string | undefined;
      readonly isSameMetadata: boolean;
    }
  /** The worker waits at its mailbox. */
  | { readonly kind: 'tree-wanted'; readonly worker: number; readonly id: string }
  | { readonly kind: 'offer'; readonly request: DirectoryRequest | NamesRequest | FileRequest }
  | { readonly kind: 'failure'; readonly path: string; readonly error: ErrorRecord }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'items'; readonly items: readonly ArchivedItem[] };

export interface ArchivedItem extends Added {
  readonly action: FileChange | 'excluded';
  readonly path: string;
  readonly sizeBytes: number;
}
