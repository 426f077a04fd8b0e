/** What an operation leaves behind, as lines that must be the same for both programs. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Contestant, environmentOf } from '../contestants.ts';
import { firstDifference, treeSize } from '../listing.ts';
import { measure } from '../measure.ts';
import type { Place } from '../place.ts';
import type { LifeOperation } from './works.ts';

/** Of the repository that was made. */
export interface KnownRepository {
  readonly path: string;
  readonly bytes: number;
  /** Sorted. */
  readonly ids: readonly string[];
  /** Identity, tree and time of each snapshot, sorted. */
  readonly snapshots: readonly string[];
  readonly olderHalf: readonly string[];
  /** Type and id of each, sorted. */
  readonly blobs: readonly string[];
}

export interface Ended {
  readonly repository: string;
  readonly stdout: string;
  /** Bytes of packs before the operation. */
  readonly packBytesBefore: number;
}

export class Results {
  readonly #restic: Contestant;
  readonly #place: Place;
  readonly #known: KnownRepository;
  /** Ids that the first to forget has removed. */
  #removed: readonly string[] | undefined;

  /** @param repository whose operations will be verified */
  constructor(restic: Contestant, place: Place, repository: string) {
    this.#restic = restic;
    this.#place = place;
    const records = this.#records(repository);
    this.#known = {
      path: repository,
      bytes: treeSize(repository).bytes,
      ids: livingIds(repository),
      snapshots: records.map(({ id, tree, time }) => `${id} ${tree} ${time}`).sort(),
      olderHalf: records
        .toSorted((a, b) => (a.time < b.time ? -1 : 1))
        .slice(0, records.length / 2)
        .map(({ id }) => id),
      blobs: this.#blobs(repository),
    };
  }

  get known(): KnownRepository {
    return this.#known;
  }

  /** @throws Error where the operation did not do what it is for, or not the same as the other program */
  verify(operation: LifeOperation, who: string, ended: Ended): void {
    const { repository } = ended;
    const same = (what: string, expected: readonly string[], found: readonly string[]): void => {
      const difference = firstDifference(expected, found);
      if (difference !== undefined) throw new Error(`${who} ${operation}, ${what}: ${difference}`);
    };
    if (operation === 'copy' || operation === 'copy-again') this.#verifyCopy(operation, who, ended, same);
    else if (operation === 'forget') this.#verifyForget(who, ended, same);
    else if (operation === 'prune') this.#verifyPrune(who, repository, same);
    else {
      same('living snapshots', this.#known.ids, livingIds(repository));
      if (operation === 'snapshots-json') same('listed', this.#known.ids, idsOf(ended.stdout));
      else if (operation === 'snapshots-table') same('listed', this.#known.ids.map(shortened), tableIds(ended.stdout));
      else same('blobs in the index', this.#known.blobs, this.#blobs(repository));
    }
  }

  #verifyCopy(operation: LifeOperation, who: string, { repository, packBytesBefore }: Ended, same: Same): void {
    const copies = this.#records(repository).map(({ id, original, tree, time }) => `${original ?? id} ${tree} ${time}`);
    same('copied snapshots', this.#known.snapshots, copies.sort());
    if (operation === 'copy-again' && packBytes(repository) !== packBytesBefore) throw new Error(`${who} copied again what was there`);
  }

  #verifyForget(who: string, { repository, stdout }: Ended, same: Same): void {
    const groups = JSON.parse(stdout) as { readonly remove: readonly { readonly id: string }[] | null }[];
    const removed = groups.flatMap(({ remove }) => remove ?? []).map(({ id }) => id);
    const gone = new Set(removed);
    if (gone.size === 0) throw new Error(`${who} forgot nothing`);
    this.#removed ??= removed.sort();
    same('removed snapshots', this.#removed, removed.sort());
    same(
      'living snapshots',
      this.#known.ids.filter((id) => !gone.has(id)),
      livingIds(repository),
    );
  }

  #verifyPrune(who: string, repository: string, same: Same): void {
    const { ids, olderHalf } = this.#known;
    same(
      'living snapshots',
      ids.filter((id) => !olderHalf.includes(id)),
      livingIds(repository),
    );
    if (treeSize(repository).bytes >= this.#known.bytes) throw new Error(`${who} made the repository no smaller`);
  }

  #records(repository: string): readonly SnapshotRecord[] {
    return JSON.parse(this.#askRestic(['snapshots', '--json'], repository)) as SnapshotRecord[];
  }

  #blobs(repository: string): string[] {
    return [...new Set(linesOf(this.#askRestic(['list', 'blobs', '--quiet'], repository)))].sort();
  }

  #askRestic(args: readonly string[], repository: string): string {
    const env = { ...environmentOf(this.#restic, this.#place.folder), RESTIC_REPOSITORY: repository };
    return measure(this.#restic.program, [...args, '--no-lock', '--no-cache'], env, this.#place.folder).stdout;
  }
}

type Same = (what: string, expected: readonly string[], found: readonly string[]) => void;

interface SnapshotRecord {
  readonly id: string;
  readonly original?: string;
  readonly tree: string;
  readonly time: string;
}

export function packBytes(repository: string): number {
  return treeSize(join(repository, 'data')).bytes;
}

function livingIds(repository: string): string[] {
  return readdirSync(join(repository, 'snapshots')).sort();
}

function idsOf(json: string): string[] {
  return (JSON.parse(json) as SnapshotRecord[]).map(({ id }) => id).sort();
}

/** Lines that begin with an id of eight digits: the others are heading, ruler, footer, and further paths. */
function tableIds(table: string): string[] {
  return linesOf(table)
    .flatMap((line) => /^[0-9a-f]{8}(?= )/u.exec(line)?.[0] ?? [])
    .sort();
}

function shortened(id: string): string {
  return id.slice(0, 8);
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
