/** One entry of a tree, as the repository's format has it. Field names in JSON are those of restic's Node. */
import type { BlobId } from '../base/ids.ts';
import type { NodeType } from './file-mode.ts';
import type { QuotedName } from './go-quote.ts';

export type { NodeType } from './file-mode.ts';

/** Numbers of 64 bits; a bigint only when beyond 2^53. */
export type Uint64 = number | bigint;

export interface ExtendedAttribute {
  readonly name: string;
  /** null where a writer could not read the value */
  readonly value: Buffer | null;
}

/** Any value of JSON; integers beyond 2^53 are bigint. */
export type JsonValue = string | number | bigint | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A decoded node. Optional fields are absent where the JSON leaves them out (which Go does for zero and for the empty text). */
export interface TreeNode {
  readonly name: QuotedName;
  readonly type: NodeType;
  /** Go's os.FileMode */
  readonly mode?: number;
  /** Times in RFC 3339, with the offset that the writer had; see parseTime. */
  readonly mtime: string;
  readonly atime: string;
  readonly ctime: string;
  readonly uid: number;
  readonly gid: number;
  readonly user?: string;
  readonly group?: string;
  readonly inode?: Uint64;
  readonly deviceId?: Uint64;
  readonly size?: Uint64;
  readonly links?: Uint64;
  /** For people when linkTargetRaw is there, which then has the bytes. */
  readonly linkTarget?: string;
  readonly linkTargetRaw?: Buffer;
  readonly extendedAttributes?: readonly ExtendedAttribute[];
  /** Windows: creation time, attributes, security descriptor. No prototype. */
  readonly genericAttributes?: Readonly<Record<string, JsonValue>>;
  /** st_rdev of a device */
  readonly device?: Uint64;
  /** The blobs of a file in order, `[]` for an empty one, null for everything else. */
  readonly content: readonly BlobId[] | null;
  readonly subtree?: BlobId;
  readonly error?: string;
}
