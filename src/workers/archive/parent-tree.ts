/** What the parent snapshot says of a directory: decides which files need not be read again. */
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { parentEntries, type ParentEntry } from '../../format/parent-entries.ts';
import type { QuotedName } from '../../format/go-quote.ts';
import { treeBlob, type IndexTable } from '../index-table.ts';

export type ParentDirectory = ReadonlyMap<QuotedName, ParentEntry>;

const none: ParentDirectory = new Map();

export interface TreeReader {
  /** The plaintext of a tree, which holds until the next call. */
  read(entry: number): Uint8Array;
}

export class ParentTrees {
  readonly #index: IndexTable;
  readonly #reader: TreeReader;
  readonly #onUnreadable: (error: HoldfastError) => void;
  readonly #id = Buffer.alloc(32);
  /** A large directory is worked on in several requests, which all ask for the same tree. */
  #lastId = '';
  #last: ParentDirectory = none;

  constructor(index: IndexTable, reader: TreeReader, onUnreadable: (error: HoldfastError) => void) {
    this.#index = index;
    this.#reader = reader;
    this.#onUnreadable = onUnreadable;
  }

  /** Empty when there is none; one that cannot be read is reported, and its files are read again. */
  load(id: string | undefined): ParentDirectory {
    if (id === undefined) return none;
    if (id === this.#lastId) return this.#last;
    const found = this.#tryLoad(id);
    this.#lastId = id;
    this.#last = found;
    return found;
  }

  #tryLoad(id: string): ParentDirectory {
    try {
      this.#id.write(id, 'hex');
      const entry = this.#index.find(this.#id, treeBlob);
      // Claimed in this run, it was not there before: what the parent says of its files is lost.
      if (entry < 0 || this.#index.packOf(entry) < 0) throw missingTree(id);
      return parentEntries(this.#reader.read(entry));
    } catch (error) {
      this.#onUnreadable(asHoldfastError(error));
      return none;
    }
  }
}

function missingTree(id: string): HoldfastError {
  return new HoldfastError('damaged', `tree ${id} of the parent snapshot is not in the index, its files are read again`, {
    hint: 'Run a check of the repository; `repair index` makes the index anew from the packs.',
    context: { tree: id },
  });
}
