/**
 * Puts snapshots in the places of others.
 *
 * The order makes a kill at any instant harmless: trees and the index that names them are durable before the new snapshot is written,
 * and the old snapshot is removed only when the new one is durable. At worst both are there, and the next run finds the new one and
 * makes no second one.
 */
import type { SnapshotId } from '../../base/ids.ts';
import { encodeSnapshot, type Snapshot } from '../../format/snapshot.ts';
import type { CallOptions } from '../../storage/backend.ts';
import type { StoredSnapshot } from '../snapshots.ts';

export interface SnapshotPlace {
  save(snapshot: Snapshot, options?: CallOptions): Promise<SnapshotId>;
  remove(id: SnapshotId, options?: CallOptions): Promise<void>;
}

export interface ReplacerOptions {
  readonly snapshots: SnapshotPlace;
  /** All snapshots that there are: what a run before this one has made is not made again. */
  readonly existing: readonly StoredSnapshot[];
  /** Makes all trees durable that new snapshots need. */
  readonly settle: () => Promise<void>;
  /** Whether the old snapshots go. */
  readonly forgets: boolean;
  /** What new snapshots are tagged with beside old ones that stay. */
  readonly tag: string;
  readonly isDryRun: boolean;
  readonly onReplaced: (replaced: ReplacedSnapshot) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface ReplacedSnapshot {
  readonly old: StoredSnapshot;
  /** The new snapshot; its id is not known on a dry run. */
  readonly snapshot: Snapshot;
  readonly id: SnapshotId | undefined;
  readonly isOldRemoved: boolean;
}

/** So many snapshots share a pack for their trees and an index file: a pack for each of ten thousand would be a burden for ever. */
const batchLength = 256;

export class SnapshotReplacer {
  readonly #options: ReplacerOptions;
  /** Those that replaced others, by the ids of these. */
  readonly #replacements: ReadonlyMap<SnapshotId | undefined, StoredSnapshot[]>;
  readonly #removed = new Set<SnapshotId>();
  #waiting: { readonly old: StoredSnapshot; readonly changes: Partial<Snapshot> }[] = [];

  constructor(options: ReplacerOptions) {
    this.#options = options;
    this.#replacements = Map.groupBy(options.existing, ({ original }) => original);
  }

  /** What is not among the changes stays as it was, the time too. */
  async replace(old: StoredSnapshot, changes: Partial<Snapshot>): Promise<void> {
    this.#waiting.push({ old, changes });
    if (this.#waiting.length >= batchLength) await this.flush();
  }

  /** Resolves when all replacements are durable. */
  async flush(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length === 0) return;
    if (!this.#options.isDryRun) await this.#options.settle();
    for (const { old, changes } of batch) await this.#replaceOne(old, changes);
  }

  async #replaceOne(old: StoredSnapshot, changes: Partial<Snapshot>): Promise<void> {
    const { snapshots, forgets, tag, isDryRun, onReplaced, signal } = this.#options;
    const tags = forgets || old.tags.includes(tag) ? old.tags : [...old.tags, tag];
    const snapshot: Snapshot = { ...old, tags, ...changes, original: old.id };
    const known = this.#replacements.get(old.id)?.find(({ id, ...record }) => !this.#removed.has(id) && isSameButTags(record, snapshot));
    const id = known?.id ?? (isDryRun ? undefined : await snapshots.save(snapshot, { signal }));
    if (forgets) this.#removed.add(old.id);
    if (forgets && !isDryRun) await snapshots.remove(old.id, { signal });
    onReplaced({ old, snapshot, id, isOldRemoved: forgets });
  }
}

/** Tags may differ: a run that keeps the old snapshots tags the new ones, a run that removes them does not. */
function isSameButTags(one: Snapshot, other: Snapshot): boolean {
  return encodeSnapshot({ ...one, tags: [] }).equals(encodeSnapshot({ ...other, tags: [] }));
}
