/** What a check reports, and the list that it comes from. */
import { type EventSink, ignoreEvents } from '../../base/events.ts';
import type { PackId, SnapshotId } from '../../base/ids.ts';
import type { CheckProblem } from '../../workers/check/problem.ts';

export type { CheckProblem } from '../../workers/check/problem.ts';

export interface CheckReport {
  /** The first ten thousand; `errorCount` counts all, and each was an event. */
  readonly errors: readonly CheckProblem[];
  readonly warnings: readonly CheckProblem[];
  readonly hints: readonly CheckProblem[];
  readonly errorCount: number;
  /** Packs that the indexes know. */
  readonly packCount: number;
  /** Different blobs that the indexes know. */
  readonly blobCount: number;
  readonly snapshotCount: number;
  /** Trees that snapshots use, each once. */
  readonly treeCount: number;
  /** Blobs that no snapshot uses. */
  readonly unusedBlobCount: number;
  readonly unusedBytes: number;
  /** Packs of which a part is lost; `repair packs` saves what is whole. */
  readonly brokenPacks: readonly PackId[];
  readonly brokenSnapshots: readonly SnapshotId[];
  readonly suggestRepairIndex: boolean;
  readonly suggestPrune: boolean;
  /** When data was read: of how many packs, and how many bytes. */
  readonly packsRead: number;
  readonly bytesRead: number;
  /** Of all packs that the indexes know and the storage has. */
  readonly storedBytes: number;
  readonly secondsElapsed: number;
}

/** More of one severity are only counted: a repository that lost an index has a problem for every file. */
const maxListed = 10_000;

const brokenPackKinds: ReadonlySet<string> = new Set(['pack-missing', 'pack-size', 'pack-damaged', 'pack-header', 'pack-layout', 'blob']);
const brokenIndexKinds: ReadonlySet<string> = new Set([
  'index',
  'pack-missing',
  'pack-size',
  'pack-layout',
  'pack-header',
  'pack-duplicate',
]);
const pruneKinds: ReadonlySet<string> = new Set(['pack-mixed', 'pack-unindexed', 'blob-duplicate']);

export class ProblemList {
  readonly errors: CheckProblem[] = [];
  readonly warnings: CheckProblem[] = [];
  readonly hints: CheckProblem[] = [];
  readonly brokenPacks = new Set<PackId>();
  readonly brokenSnapshots = new Set<SnapshotId>();
  readonly #events: EventSink;
  #errorCount = 0;
  #suggestRepairIndex = false;
  #suggestPrune = false;

  constructor(events: EventSink = ignoreEvents) {
    this.#events = events;
  }

  get errorCount(): number {
    return this.#errorCount;
  }

  get suggestRepairIndex(): boolean {
    return this.#suggestRepairIndex;
  }

  get suggestPrune(): boolean {
    return this.#suggestPrune;
  }

  add(problem: CheckProblem): void {
    const list = { error: this.errors, warning: this.warnings, hint: this.hints }[problem.severity];
    if (list.length < maxListed) list.push(problem);
    if (problem.severity === 'error') this.#addError(problem);
    if (problem.severity === 'warning') this.#events({ kind: 'warning', message: problem.message });
    this.#suggestRepairIndex ||= brokenIndexKinds.has(problem.kind);
    this.#suggestPrune ||= pruneKinds.has(problem.kind);
  }

  #addError({ kind, message, context }: CheckProblem): void {
    this.#errorCount++;
    const { pack, snapshot, path } = context;
    if (typeof pack === 'string' && brokenPackKinds.has(kind)) this.brokenPacks.add(pack as PackId);
    if (typeof snapshot === 'string' && kind === 'snapshot') this.brokenSnapshots.add(snapshot as SnapshotId);
    const where = typeof path === 'string' ? { path } : {};
    this.#events({
      kind: 'failure',
      operation: 'check',
      ...where,
      error: { code: 'damaged', message, context: { ...context, problem: kind } },
    });
  }
}
