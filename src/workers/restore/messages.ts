/** What main asks of a restore worker, and what the worker says while it works. */
import type { ErrorRecord } from '../../base/errors.ts';
import type { ItemEvent } from '../../base/events.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import type { IndexTableMemory } from '../index-table.ts';
import type { RestorePlanMemory } from './plan/restore-plan.ts';
import type { RestoreSelection } from './selection.ts';

/** What happens to files that exist already; names and meaning as in restic. */
export type Overwrite = 'always' | 'if-changed' | 'if-newer' | 'never';

export interface RestoreRules {
  readonly overwrite: Overwrite;
  /** Entries that the snapshot does not have are removed, and full directories may give way to files. */
  readonly removesUnexpected: boolean;
  readonly isDryRun: boolean;
  readonly ownershipByName: boolean;
  readonly reportItems: boolean;
  readonly selection: RestoreSelection;
  readonly excludeAttributes: readonly string[];
  readonly includeAttributes: readonly string[];
}

export interface RestoreWorkerData {
  readonly worker: number;
  readonly counters: SharedArrayBuffer;
  /** Int32: not 0 when the restore is over before its end. Looked at between two entries or blobs. */
  readonly stop: SharedArrayBuffer;
}

/** Read an index file into the shared table. The only request that may come before `begin`. */
export interface IndexFileRequest {
  readonly kind: 'index-file';
  readonly id: string;
  readonly path: string;
  readonly key: MasterKey;
  readonly index: IndexTableMemory;
}

export interface BeginRequest {
  readonly kind: 'begin';
  readonly key: MasterKey;
  readonly index: IndexTableMemory;
  readonly plan: RestorePlanMemory;
  /** Where packs can be read; undefined when main sends their bytes along. */
  readonly packFolder: string | undefined;
  /** Main's descriptor of the target; -1 when there is none yet, in a dry run. */
  readonly targetFd: number;
  readonly rules: RestoreRules;
}

/** The tree of a directory of the plan. */
export interface TreeJob {
  readonly directory: number;
  /** The index entry to read it by. */
  readonly entry: number;
  /** Its sealed bytes, when the worker cannot read the pack. */
  readonly sealed: SharedArrayBuffer | undefined;
}

export interface WalkRequest {
  readonly kind: 'walk';
  readonly trees: readonly TreeJob[];
}

/** Reads existing files and compares them with the blobs that the plan has for them. */
export interface CompareRequest {
  /** `compare` notes in the plan which blobs are there already; `verify` only answers. */
  readonly kind: 'compare' | 'verify';
  /** Triples: a file, the first of its blobs to compare, the end of them. */
  readonly segments: Uint32Array;
}

/** Makes files ready for their content: existing ones judged by what `compare` found, new ones created that several blobs go to. */
export interface PrepareRequest {
  readonly kind: 'prepare';
  readonly files: Uint32Array;
}

/** Writes blobs that lie in one run of a pack to all places they belong to. */
export interface ContentRequest {
  readonly kind: 'content';
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  /** Rows of the plan's blobs, those of the same content side by side. */
  readonly blobs: Uint32Array;
  /** Read by this entry of the index instead of the one in the plan: another copy of a damaged blob. */
  readonly entry: number | undefined;
  readonly sealed: SharedArrayBuffer | undefined;
}

export interface LinkRequest {
  readonly kind: 'link';
  /** Pairs: the file that becomes a link, the file it is a link to. */
  readonly pairs: Uint32Array;
}

export interface RemoveRequest {
  readonly kind: 'remove';
  readonly trees: readonly TreeJob[];
}

/** Sets the metadata of directories, in this order. */
export interface FinishRequest {
  readonly kind: 'finish';
  readonly directories: Uint32Array;
}

/** Closes what the worker holds open. */
export interface CloseRequest {
  readonly kind: 'close';
}

export type RestoreRequest =
  | IndexFileRequest
  | BeginRequest
  | WalkRequest
  | CompareRequest
  | PrepareRequest
  | ContentRequest
  | LinkRequest
  | RemoveRequest
  | FinishRequest
  | CloseRequest;

/** A file with several names in the source. */
export interface LinkCandidate {
  readonly file: number;
  /** Equal for all names of one file. */
  readonly identity: string;
}

/** Something could not be read by this entry of the index; another copy may do. */
export interface UnreadTree {
  readonly directory: number;
  readonly entry: number;
  readonly error: ErrorRecord;
}

export interface UnreadBlob {
  readonly blobs: Uint32Array;
  readonly entry: number;
  readonly error: ErrorRecord;
}

export type RestoreResponse =
  | { readonly kind: 'done' }
  /** Numbers that the table gave to the packs of an index file. */
  | { readonly kind: 'packs'; readonly packs: Uint32Array }
  | {
      readonly kind: 'walked';
      /** Directories whose trees are to be walked next. */
      readonly directories: readonly number[];
      readonly links: readonly LinkCandidate[];
      readonly unread: readonly UnreadTree[];
    }
  /** Files with a difference. */
  | { readonly kind: 'compared'; readonly different: readonly number[] }
  | { readonly kind: 'written'; readonly unread: readonly UnreadBlob[] };

export type RestoreNotice =
  | { readonly kind: 'failure'; readonly path: string; readonly error: ErrorRecord }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'items'; readonly items: readonly ItemEvent[] };
