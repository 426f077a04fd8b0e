/**
 * What a restore has to do, in flat shared memory: directories, files, and where each blob goes.
 *
 * A file takes 80 bytes and its name, a directory 64, a blob in a file 16. Workers add what they find while they walk the
 * trees; afterwards main orders the blobs by their packs, and workers write them.
 */
import { ByteHeap, type ByteHeapMemory, createByteHeap } from './byte-heap.ts';
import { createSharedRows, SharedRows, type SharedRowsMemory } from './shared-rows.ts';

/** The first words of files and of directories are the same: the metadata that is set at the end. */
export const metadataWord = {
  /** 0 to 0o7777 */
  permissions: 0,
  uid: 1,
  gid: 2,
  modifyNanoseconds: 3,
  accessNanoseconds: 4,
  /** A place in the heap; 0 when there are none. */
  attributes: 5,
  /** Floats: seconds since 1970. */
  modifySeconds: 6,
  accessSeconds: 8,
} as const;

export const directoryWord = {
  parent: 10,
  /** A place in the heap: bytes that end in NUL. */
  name: 11,
  /** One of `directoryState`; changed atomically. */
  state: 12,
  /** The index entry of its tree, plus one; 0 when the index has no such tree. */
  tree: 13,
  depth: 14,
} as const;
const directoryWords = 16;

export const directoryState = {
  /** Nothing in it is known to be restored: it is not created yet, and perhaps never. */
  open: 0,
  /** Made by this restore: nothing can be in it that this restore did not make. */
  fresh: 1,
  existing: 2,
  /** It could not be made: nothing below it is restored. */
  failed: 3,
} as const;

export const fileWord = {
  directory: 10,
  name: 11,
  firstBlob: 12,
  blobCount: 13,
  /** Blobs still to be written; whoever writes the last one finishes the file. Changed atomically. */
  remaining: 14,
  /** Bits of `fileFlag`; changed atomically. */
  flags: 15,
  /** A float. */
  sizeBytes: 16,
  /** The inode of a file that is opened several times: nobody may put another file in its place meanwhile. */
  inodeLow: 18,
  inodeHigh: 19,
} as const;
const fileWords = 20;

export const fileFlag = {
  /** Something of that name is there already. */
  exists: 1,
  /** It may have the right content: to be compared. */
  compare: 2,
  /** Its content is taken to be right: only metadata is set. */
  trusted: 4,
  /** It has several names: which one gets the content is decided after the walk. */
  linkCandidate: 8,
  /** It becomes a hard link to another file. */
  link: 16,
  /** An existing file is changed where it differs. */
  inPlace: 32,
  failed: 64,
  /** Its content has been written by this restore: to be verified. */
  written: 128,
  /** The existing file has another size. */
  otherSize: 256,
} as const;

export const blobWord = {
  entry: 0,
  /** The file, and `blobIsThere` when the file has that content already. */
  file: 1,
  /** A float: where in the file it goes. */
  offset: 2,
} as const;
const blobWords = 4;
export const blobIsThere = 0x8000_0000;

/** Reserved, not used before it is needed: 64 million files, 16 million directories, 268 million blobs in files. */
const maxFiles = 1 << 26;
const maxDirectories = 1 << 24;
const maxBlobs = 1 << 28;

export interface RestorePlanMemory {
  readonly directories: SharedRowsMemory;
  readonly files: SharedRowsMemory;
  readonly blobs: SharedRowsMemory;
  readonly heap: ByteHeapMemory;
}

export class RestorePlan {
  readonly memory: RestorePlanMemory;
  readonly directories: SharedRows;
  readonly files: SharedRows;
  readonly blobs: SharedRows;
  readonly heap: ByteHeap;

  private constructor(memory: RestorePlanMemory) {
    this.memory = memory;
    this.directories = new SharedRows(memory.directories);
    this.files = new SharedRows(memory.files);
    this.blobs = new SharedRows(memory.blobs);
    this.heap = new ByteHeap(memory.heap);
  }

  static create(): RestorePlan {
    return new RestorePlan({
      directories: createSharedRows(directoryWords, maxDirectories),
      files: createSharedRows(fileWords, maxFiles),
      blobs: createSharedRows(blobWords, maxBlobs),
      heap: createByteHeap(),
    });
  }

  static attach(memory: RestorePlanMemory): RestorePlan {
    return new RestorePlan(memory);
  }

  get committedBytes(): number {
    return [this.directories, this.files, this.blobs, this.heap].reduce((sum, part) => sum + part.committedBytes, 0);
  }

  hasFlag(file: number, flag: number): boolean {
    return (this.files.load(file, fileWord.flags) & flag) !== 0;
  }

  /** The name of a file or directory for a system call: bytes that end in NUL, and others behind that. */
  fileName(file: number): Uint8Array {
    return this.heap.viewAt(this.files.get(file, fileWord.name));
  }

  directoryName(directory: number): Uint8Array {
    return this.heap.viewAt(this.directories.get(directory, directoryWord.name));
  }
}

/** Directory 0 is the target, which stands for the root of what is restored. */
export const rootDirectory = 0;
