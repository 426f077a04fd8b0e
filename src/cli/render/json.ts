/** Events as JSON lines with restic's field names; docs/json.md describes them all. */
import type { Clock } from '../../base/clock.ts';
import type { FailureEvent, HoldfastEvent, ItemEvent, Operation, ProgressEvent } from '../../base/events.ts';
import type { Environment } from '../environment.ts';
import type { Output } from '../output.ts';
import { jsonText } from './json-text.ts';
import { requestedIntervalMs } from './pace.ts';
import { RateEstimator } from './rate.ts';
import type { Renderer } from './renderer.ts';
import { Ticker } from './ticker.ts';

const intervalMs = 100;

/** What restic calls the phases of its commands in error messages. */
const phaseNames: Readonly<Partial<Record<Operation, string>>> = { backup: 'archival' };

/** What restic calls it when a restore leaves a file as it is. */
const actionNames: Readonly<Partial<Record<ItemEvent['action'], string>>> = { skipped: 'unchanged' };

export class JsonRenderer implements Renderer {
  readonly #output: Output;
  readonly #ticker: Ticker | undefined;
  readonly #rate = new RateEstimator();
  #failureCount = 0;

  constructor(output: Output, clock: Clock, environment: Environment) {
    this.#output = output;
    const requestedMs = requestedIntervalMs(environment);
    if (requestedMs === undefined && output.verbosity === 0) return;
    const show = (event: ProgressEvent, elapsedMs: number) => output.json(this.#status(event, elapsedMs));
    this.#ticker = new Ticker({ clock, intervalMs: requestedMs ?? intervalMs, delayMs: 0, show });
  }

  get failureCount(): number {
    return this.#failureCount;
  }

  readonly sink = (event: HoldfastEvent): void => {
    if (event.kind === 'progress') this.#ticker?.update(event);
    else if (event.kind === 'item') this.#showItem(event);
    else if (event.kind === 'failure') this.#showFailure(event);
    else this.#output.complain(jsonText({ message_type: 'warning', message: event.message }));
  };

  [Symbol.dispose](): void {
    this.#ticker?.[Symbol.dispose]();
  }

  #status(event: ProgressEvent, elapsedMs: number): object {
    const seconds = { message_type: 'status', seconds_elapsed: Math.floor(elapsedMs / 1000) };
    const percentDone = event.bytesTotal ? Math.min(1, event.bytesDone / event.bytesTotal) : 0;
    if (event.operation === 'restore') return { ...seconds, percent_done: percentDone, ...restoreCounts(event) };
    this.#rate.add(event.bytesDone, elapsedMs);
    const remaining = event.bytesTotal === undefined ? undefined : this.#rate.secondsFor(event.bytesTotal - event.bytesDone);
    return {
      ...seconds,
      ...(remaining === undefined ? {} : { seconds_remaining: Math.floor(remaining) }),
      percent_done: percentDone,
      ...backupCounts(event),
    };
  }

  #showItem(event: ItemEvent): void {
    if (this.#output.verbosity < 2) return;
    if (event.action === 'excluded') this.#output.json({ message_type: 'excluded_item', item: event.path });
    else
      this.#output.json({
        message_type: 'verbose_status',
        action: actionNames[event.action] ?? event.action,
        item: event.path,
        ...itemSizes(event),
      });
  }

  #showFailure({ operation, path, error }: FailureEvent): void {
    this.#failureCount += 1;
    const common = { message_type: 'error', error_code: error.code };
    if (operation === 'check') this.#output.complain(jsonText({ ...common, message: error.message }));
    else
      this.#output.complain(
        jsonText({ ...common, error: { message: error.message }, during: phaseNames[operation] ?? operation, item: path ?? '' }),
      );
  }
}

function backupCounts(event: ProgressEvent): object {
  return {
    ...(event.filesTotal === undefined ? {} : { total_files: event.filesTotal }),
    files_done: event.filesDone,
    ...(event.bytesTotal === undefined ? {} : { total_bytes: event.bytesTotal }),
    bytes_done: event.bytesDone,
    error_count: event.errorCount,
    ...(event.currentFiles === undefined ? {} : { current_files: event.currentFiles }),
  };
}

function restoreCounts(event: ProgressEvent): object {
  return {
    ...(event.filesTotal === undefined ? {} : { total_files: event.filesTotal }),
    files_restored: event.filesDone,
    files_skipped: event.restored?.filesSkipped ?? 0,
    files_deleted: event.restored?.filesDeleted ?? 0,
    ...(event.bytesTotal === undefined ? {} : { total_bytes: event.bytesTotal }),
    bytes_restored: event.bytesDone,
    bytes_skipped: event.restored?.bytesSkipped ?? 0,
    error_count: event.errorCount,
  };
}

function itemSizes(event: ItemEvent): object {
  if (event.addedBytes === undefined) return { size: event.sizeBytes };
  return { size: event.sizeBytes, data_size: event.addedBytes, data_size_in_repo: event.addedPackedBytes ?? 0 };
}
