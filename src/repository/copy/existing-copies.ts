/** Which snapshots the destination has already, whatever their ids are there. */
import { asHoldfastError } from '../../base/errors.ts';
import type { EventSink } from '../../base/events.ts';
import type { SnapshotId } from '../../base/ids.ts';
import type { CallOptions } from '../../storage/backend.ts';
import type { Snapshots, StoredSnapshot } from '../snapshots.ts';

/**
 * By the rule of restic's copy: a copy names the first snapshot of its chain as its `original`, and agrees with the snapshot in all but
 * parent, original, summary and the program that made it. So a snapshot whose tags changed since is copied again.
 * Source: restic's cmd_copy.go, similarSnapshots.
 */
export class ExistingCopies {
  readonly #byOriginal = new Map<SnapshotId, StoredSnapshot[]>();

  static async load(snapshots: Snapshots, events: EventSink, { signal }: CallOptions): Promise<ExistingCopies> {
    const onDamaged = (id: SnapshotId, error: unknown): void => {
      const message = `snapshot ${id} of the destination cannot be read (${asHoldfastError(error).message}); what it is a copy of is copied again`;
      events({ kind: 'warning', message });
    };
    return new ExistingCopies(await snapshots.list({ signal, onDamaged }));
  }

  constructor(snapshots: readonly StoredSnapshot[]) {
    for (const snapshot of snapshots) {
      if (snapshot.original !== undefined) this.#add(snapshot.original, snapshot);
      // The repository may have been copied as a whole, file by file.
      this.#add(snapshot.id, snapshot);
    }
  }

  find(source: StoredSnapshot): StoredSnapshot | undefined {
    return this.#byOriginal.get(source.original ?? source.id)?.find((candidate) => isSimilar(candidate, source));
  }

  #add(original: SnapshotId, snapshot: StoredSnapshot): void {
    const known = this.#byOriginal.get(original);
    if (known === undefined) this.#byOriginal.set(original, [snapshot]);
    else known.push(snapshot);
  }
}

function isSimilar(one: StoredSnapshot, other: StoredSnapshot): boolean {
  const isSameBackup = one.timeNs === other.timeNs && one.tree === other.tree && one.hostname === other.hostname;
  const isSameUser = one.username === other.username && one.uid === other.uid && one.gid === other.gid;
  return (
    isSameBackup &&
    isSameUser &&
    hasSame(one.paths, other.paths) &&
    hasSame(one.tags, other.tags) &&
    one.excludes.length === other.excludes.length &&
    one.excludes.every((exclude, at) => exclude === other.excludes[at])
  );
}

/** Order does not matter. */
function hasSame(one: readonly string[], other: readonly string[]): boolean {
  const found = new Set(one);
  return one.length === other.length && other.every((text) => found.has(text));
}
