/** What main does for the workers of a backup when the repository is far away: it reads trees for them, and counts what is to be sent. */
import { toErrorRecord } from '../base/errors.ts';
import type { EventSink } from '../base/events.ts';
import type { BlobId } from '../base/ids.ts';
import { BlobLoader } from '../repository/blobs/blob-loader.ts';
import { putFailure, putTree } from '../workers/archive/main-trees.ts';
import type { FinishedPack } from '../workers/archive/messages.ts';
import { UploadRoom } from '../workers/archive/upload-room.ts';
import { type IndexTable, treeBlob } from '../workers/index-table.ts';
import type { ArchiveRepository } from './backup-options.ts';

/** Shared with the workers, made before they start. */
export interface FarMemory {
  /** By the number of the worker. */
  readonly mailboxes: readonly SharedArrayBuffer[];
  /** Of UploadRoom. */
  readonly staged: SharedArrayBuffer;
}

export class FarRepository {
  readonly #mailboxes: readonly SharedArrayBuffer[];
  readonly #room: UploadRoom;
  readonly #trees: BlobLoader;
  readonly #signal: AbortSignal | undefined;
  readonly #events: EventSink;
  #isDenialTold = false;

  constructor(
    { mailboxes, staged }: FarMemory,
    { backend, masterKey }: ArchiveRepository,
    index: IndexTable,
    { signal, events }: { readonly signal?: AbortSignal | undefined; readonly events: EventSink },
  ) {
    this.#mailboxes = mailboxes;
    // Main never waits for room.
    this.#room = new UploadRoom(staged, 0);
    this.#trees = new BlobLoader(backend, masterKey, index);
    this.#signal = signal;
    this.#events = events;
  }

  /** Puts the tree into the mailbox of the worker that waits for it. Never fails: a failure is put there, too. */
  async answer(worker: number, id: string): Promise<void> {
    const mailbox = this.#mailboxes[worker];
    if (mailbox === undefined) return;
    try {
      putTree(mailbox, await this.#trees.load(treeBlob, id as BlobId, { signal: this.#signal }));
    } catch (thrown) {
      const error = toErrorRecord(thrown);
      if (error.code === 'storage-denied') this.#tellDenial();
      putFailure(mailbox, error);
    }
  }

  /** Of a repository that may be written and not read: no failure, for everything is saved all the same. */
  #tellDenial(): void {
    if (this.#isDenialTold) return;
    this.#isDenialTold = true;
    const message = 'directories of the parent snapshot are not in the cache of this machine and may not be read from the repository';
    this.#events({ kind: 'warning', message: `${message}: their files are read again` });
  }

  readonly noteSent = (pack: FinishedPack): void => {
    this.#room.remove(pack);
  };
}
