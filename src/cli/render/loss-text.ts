/** What a repository has lost, as people and programs see it. */
import type { Loss } from '../../repository/repair/loss.ts';
import { displayPath } from '../../repository/tree/tree-path.ts';
import { shortId } from '../../base/ids.ts';
import type { Output } from '../output.ts';
import { count, formatBytes, printableName } from './format.ts';

/** Prints losses under the snapshots that they are in. */
export class LossReport {
  readonly #output: Output;
  readonly #snapshots = new Set<string>();
  #snapshot = '';
  #lossCount = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  get snapshotCount(): number {
    return this.#snapshots.size;
  }

  /** Entries of snapshots that lost something; one that only had the wrong size is none. */
  get lossCount(): number {
    return this.#lossCount;
  }

  readonly add = (loss: Loss): void => {
    if (loss.kind !== 'size') {
      this.#lossCount++;
      this.#snapshots.add(loss.snapshot);
    }
    if (this.#output.isJson) return this.#output.line(lossJson(loss));
    if (this.#snapshot !== loss.snapshot) this.#output.line(`snapshot ${shortId(loss.snapshot)}:`);
    this.#snapshot = loss.snapshot;
    this.#output.line(`  ${printableName(displayPath(loss.path))}: ${describe(loss)}`);
  };
}

/** Sizes of 64 bits keep their digits. */
function lossJson({ kind, snapshot, path, lostBlobs, blobCount, lostBytes, reason }: Loss): string {
  const fields = { message_type: 'loss', kind, snapshot, path: displayPath(path), blobs_lost: lostBlobs, blobs_total: blobCount, reason };
  const text = JSON.stringify(fields);
  return lostBytes === undefined ? text : `${text.slice(0, -1)},"bytes_lost":${lostBytes}}`;
}

function describe({ kind, lostBlobs = 0, blobCount = 0, lostBytes, reason }: Loss): string {
  switch (kind) {
    case 'file-content': {
      const size = lostBytes === undefined ? '' : `, ${formatBytes(Number(lostBytes))}`;
      return lostBlobs === blobCount
        ? `all of its content is lost${size}`
        : `${lostBlobs} of ${count(blobCount, 'piece')} of its content are lost${size}`;
    }
    case 'directory':
      return `all that was in the directory is lost (${reason ?? 'its tree cannot be read'})`;
    case 'root':
      return `the whole snapshot is lost (${reason ?? 'its tree cannot be read'})`;
    case 'entry':
      return `an entry is not readable (${reason ?? 'it is none'})`;
    case 'size':
      return 'its size is not that of its content, which is whole';
  }
}
