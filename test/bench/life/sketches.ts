/** Records of snapshots as backups every six hours leave them: with parents, tags and summaries. */
import { createHash } from 'node:crypto';
import type { SnapshotId } from '../../../src/base/ids.ts';
import type { StoredSnapshot } from '../../../src/repository/snapshots.ts';
import type { SnapshotSketch } from '../../support/planted-snapshots.ts';

const hostCount = 10;
const betweenMs = 6 * 3_600_000;
const firstMs = Date.UTC(2024, 0, 1, 1, 30);

/** @param models whose trees, paths and summaries the records take in turn */
export function sketchSnapshots(models: readonly StoredSnapshot[], count: number): SnapshotSketch[] {
  return Array.from({ length: count }, (_, index) => {
    const model = models[index % models.length];
    if (model === undefined) throw new Error('there is no snapshot to take after');
    const host = index % hostCount;
    const run = Math.floor(index / hostCount);
    // A few seconds apart, as backups of several hosts begin.
    const begin = new Date(firstMs + run * betweenMs + host * 7000);
    return {
      ...recordOf(model),
      ...timesOf(model, begin),
      hostname: `host-${host}`,
      tags: [host % 2 === 0 ? 'nightly' : 'office'],
      ...parentOf(host, run),
    };
  });
}

function recordOf({ tree, paths, username, uid, gid, excludes, programVersion }: StoredSnapshot): Omit<SnapshotSketch, 'time'> {
  return { tree, paths, username, uid, gid, excludes, ...(programVersion === undefined ? {} : { programVersion }) };
}

function timesOf({ summary }: StoredSnapshot, begin: Date): Pick<SnapshotSketch, 'time' | 'summary'> {
  const time = begin.toISOString().replace('Z', '123456Z');
  if (summary === undefined) return { time };
  const end = new Date(begin.getTime() + 41_000).toISOString().replace('Z', '654321Z');
  return { time, summary: { ...summary, backupStart: time, backupEnd: end } };
}

/** A parent may have been removed: an id of the right form is enough. */
function parentOf(host: number, run: number): { readonly parent?: SnapshotId } {
  if (run === 0) return {};
  return {
    parent: createHash('sha256')
      .update(`${host} ${run - 1}`)
      .digest('hex') as SnapshotId,
  };
}
