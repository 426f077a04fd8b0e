import { HoldfastError } from '../../base/errors.ts';
import { copySnapshots } from '../../repository/copy/copy-snapshots.ts';
import type { CopyReport, SnapshotOutcome } from '../../repository/copy/copy-options.ts';
import { shortId } from '../../base/ids.ts';
import { packSizeBytes } from '../backup/pack-size.ts';
import { snapshotFilterOptions } from '../options/snapshot-options.ts';
import type { Output } from '../output.ts';
import { count, formatBytes, formatSeconds } from '../render/format.ts';
import { describeSnapshot } from '../render/snapshot-text.ts';
import { withRepository } from '../repository-session.ts';
import { chooseSnapshots } from '../snapshot-choice.ts';
import { sourceOptions, withSource } from '../source-repository.ts';
import { type CommandContext, defineCommand } from './command.ts';

export const copy = defineCommand({
  synopsis: '--from-repo LOCATION [OPTION...] [SNAPSHOT...]',
  details: [
    'Copies snapshots from another repository into this one (--repo): those named, or all that the filters let through. The two may have different passwords and keys, and be in different places.',
    'Only what is missing travels. A snapshot that is there already is skipped, and after an interruption the same command goes on where it ended. What is compressed stays as it is, unless --compression says otherwise.',
    'The copy gets an id of its own and names the snapshot that it was made of as its original. A snapshot of which something is lost in the source is not copied; the others are, and the command fails.',
  ],
  examples: ['holdfast copy --from-repo /srv/backup --from-password-file /etc/holdfast/password latest'],
  options: {
    ...sourceOptions,
    ...snapshotFilterOptions,
    verify: { kind: 'flag', description: 'read back whatever was written, from the storage, before any index or snapshot relies on it' },
    'dry-run': { kind: 'flag', short: 'n', description: 'only say what would be copied' },
  },
  async run(context, values, positionals) {
    const packSize = packSizeBytes(context.globals['pack-size']);
    const { compression } = context.globals;
    await withSource(context, values, async (source) => {
      await withRepository(context, values['dry-run'] && context.globals['no-lock'] ? 'none' : 'shared', async (destination) => {
        const chosen = await chooseSnapshots(context, source, positionals, values);
        const report = await copySnapshots(source.repository, destination.repository, {
          snapshots: chosen.snapshots,
          compression,
          recompress: compression !== undefined && compression !== 'auto',
          packSizeBytes: packSize,
          isDryRun: values['dry-run'],
          verify: values.verify,
          onSnapshot: (outcome) => showSnapshot(context.output, outcome, values['dry-run']),
          events: context.events,
          clock: context.clock,
          signal: AbortSignal.any([source.signal, destination.signal]),
        });
        context.endProgress();
        showReport(context, report, values['dry-run']);
        assertComplete(report);
        chosen.assertComplete();
      });
    });
    return 0;
  },
});

function showSnapshot(output: Output, outcome: SnapshotOutcome, isDryRun: boolean): void {
  const { kind, source } = outcome;
  if (output.isJson) {
    const id = kind === 'failed' || outcome.id === undefined ? {} : { id: outcome.id };
    const reason = kind === 'failed' ? { reason: outcome.reason } : {};
    output.json({ message_type: `snapshot_${kind}`, source_id: source.id, ...id, ...reason });
  } else if (kind === 'copied' && outcome.id === undefined) output.say(`would copy ${describeSnapshot(source)}`);
  else if (kind === 'copied' && outcome.id !== undefined) {
    output.say(`snapshot ${shortId(outcome.id)} saved, copied from ${describeSnapshot(source)}`);
  } else if (kind === 'skipped') {
    const verb = isDryRun ? 'is' : 'was';
    output.sayMore(`skipped ${describeSnapshot(source)}: it ${verb} copied already, as ${shortId(outcome.id)}`);
  }
}

function showReport({ output }: CommandContext, report: CopyReport, isDryRun: boolean): void {
  const { copiedCount, skippedCount, failedCount, blobCount, sourceBytes, writtenBytes, packCount, verifiedPackCount } = report;
  if (output.isJson) {
    output.json({
      message_type: 'summary',
      ...(isDryRun ? { dry_run: true } : {}),
      snapshots_copied: copiedCount,
      snapshots_skipped: skippedCount,
      snapshots_failed: failedCount,
      blobs_copied: blobCount,
      bytes_read: sourceBytes,
      bytes_written: writtenBytes,
      packs_written: packCount,
      packs_verified: verifiedPackCount,
      total_duration: report.secondsElapsed,
    });
    return;
  }
  const skipped = skippedCount === 0 ? '' : ` (${skippedCount} ${skippedCount === 1 ? 'was' : 'were'} there already)`;
  const blobs = isDryRun
    ? `${count(blobCount, 'blob')}, ${formatBytes(sourceBytes)} as they are stored in the source`
    : `${count(blobCount, 'blob')}, ${formatBytes(writtenBytes)} in ${count(packCount, 'pack')}, in ${formatSeconds(report.secondsElapsed)}`;
  output.say(`${isDryRun ? 'would copy' : 'copied'} ${count(copiedCount, 'snapshot')}${skipped}: ${blobs}`);
  if (verifiedPackCount > 0) output.say(`read ${count(verifiedPackCount, 'pack')} back: all bytes are right`);
}

function assertComplete({ failedCount, copiedCount, skippedCount }: CopyReport): void {
  if (failedCount === 0) return;
  const all = count(failedCount + copiedCount + skippedCount, 'snapshot');
  throw new HoldfastError('damaged', `${failedCount} of ${all} could not be copied, because a part of each is lost in the source`, {
    hint: 'The errors above say what is lost. Run a check of the source repository.',
    context: { failedCount },
  });
}
