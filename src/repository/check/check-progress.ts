/** Says ten times a second how far a check is. Counts packs when data is read, trees otherwise. */
import type { EventSink } from '../../base/events.ts';
import type { PackReading } from './pack-reading.ts';
import type { ProblemList } from './report.ts';
import type { TreeWalk } from './tree-walk.ts';

const intervalMs = 100;

export interface CheckProgressOptions {
  readonly events: EventSink;
  readonly reading: PackReading;
  readonly walk: TreeWalk;
  readonly problems: ProblemList;
}

export class CheckProgress implements Disposable {
  readonly #options: CheckProgressOptions;
  readonly #timer: NodeJS.Timeout;

  constructor(options: CheckProgressOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tell(), intervalMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#tell();
  }

  #tell(): void {
    const { events, reading, walk, problems } = this.#options;
    const counts = { bytesDone: reading.bytesRead, errorCount: problems.errorCount };
    if (reading.packCount === 0) events({ kind: 'progress', operation: 'check', filesDone: walk.treeCount, ...counts });
    else {
      const totals = { filesTotal: reading.packCount, bytesTotal: reading.bytesTotal };
      events({ kind: 'progress', operation: 'check', filesDone: reading.packsRead, ...counts, ...totals });
    }
  }
}
