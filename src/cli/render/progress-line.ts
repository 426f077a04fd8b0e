/** One line that says how far an operation is. */
import type { ProgressEvent } from '../../base/events.ts';
import { formatBytes, formatPercent, formatSeconds, printableName } from './format.ts';
import { RateEstimator } from './rate.ts';

export class ProgressLine {
  readonly #rate = new RateEstimator();

  /** `[0:12] 45.30%  1200 files 1.234 GiB, total 2500 files 2.700 GiB, 0 errors, 123.4 MiB/s, ETA 0:13` */
  render(event: ProgressEvent, elapsedMs: number): string {
    if (countedOperations.has(event.operation)) return this.#renderCount(event, elapsedMs);
    this.#rate.add(event.bytesDone, elapsedMs);
    const parts = [
      `${event.filesDone} ${unitOf(event)} ${formatBytes(event.bytesDone)}`,
      ...totals(event),
      ...(event.errorCount > 0 ? [`${event.errorCount} errors`] : []),
      ...this.#pace(event),
    ];
    const percent = event.bytesTotal === undefined ? '' : formatPercent(event.bytesDone, event.bytesTotal);
    const file = event.currentFiles?.at(-1);
    const where = file === undefined ? '' : `  ${printableName(file)}`;
    return `[${formatSeconds(elapsedMs / 1000)}] ${percent === '' ? '' : `${percent}  `}${parts.join(', ')}${where}`;
  }

  /** `[0:12] 45.30%  453 of 1000 snapshots, 37/s, ETA 0:15` */
  #renderCount({ filesDone, filesTotal = filesDone, errorCount }: ProgressEvent, elapsedMs: number): string {
    const perSecond = elapsedMs === 0 ? 0 : (1000 * filesDone) / elapsedMs;
    const parts = [
      `${filesDone} of ${filesTotal} snapshots`,
      ...(errorCount > 0 ? [`${errorCount} errors`] : []),
      ...(perSecond === 0 ? [] : [`${Math.round(perSecond)}/s`, `ETA ${formatSeconds((filesTotal - filesDone) / perSecond)}`]),
    ];
    return `[${formatSeconds(elapsedMs / 1000)}] ${formatPercent(filesDone, filesTotal)}  ${parts.join(', ')}`;
  }

  #pace(event: ProgressEvent): string[] {
    const rate = this.#rate.bytesPerSecond;
    if (rate <= 0) return [];
    const remaining = event.bytesTotal === undefined ? undefined : this.#rate.secondsFor(event.bytesTotal - event.bytesDone);
    return [`${formatBytes(rate)}/s`, ...(remaining === undefined ? [] : [`ETA ${formatSeconds(remaining)}`])];
  }
}

function totals({ filesTotal, bytesTotal, operation, ...rest }: ProgressEvent): string[] {
  if (filesTotal === undefined && bytesTotal === undefined) return [];
  const files = filesTotal === undefined ? '' : ` ${filesTotal} ${unitOf({ operation, ...rest })}`;
  return [`total${files}${bytesTotal === undefined ? '' : ` ${formatBytes(bytesTotal)}`}`];
}

/** They change snapshots one after the other: bytes are of no interest. */
const countedOperations: ReadonlySet<string> = new Set(['forget', 'tag']);

const treeOperations: ReadonlySet<string> = new Set(['trees', 'repair', 'rewrite', 'recover']);

const packOperations: ReadonlySet<string> = new Set(['prune', 'reindex']);

/** What the operation counts as "files". */
function unitOf({ operation }: ProgressEvent): string {
  if (packOperations.has(operation)) return 'packs';
  if (operation === 'check' || operation === 'salvage') return 'packs';
  if (treeOperations.has(operation)) return 'trees';
  if (operation === 'copy') return 'blobs';
  return operation === 'index' ? 'index files' : 'files';
}
