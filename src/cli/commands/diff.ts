import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { shortId } from '../../base/ids.ts';
import { everySnapshot } from '../../repository/snapshot-filter.ts';
import { diffTrees, type TreeChange } from '../../repository/tree/diff.ts';
import type { DiffTotals, SideTotals } from '../../repository/tree/diff-tally.ts';
import { displayPath, pathBytes } from '../../repository/tree/tree-path.ts';
import type { Output } from '../output.ts';
import { formatBytes, printableName } from '../render/format.ts';
import { openReader, withReadLock } from '../repository-session.ts';
import { exactArguments, treeOf } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const diff = defineCommand({
  synopsis: '[OPTION...] SNAPSHOT[:FOLDER] SNAPSHOT[:FOLDER]',
  details: [
    'Shows what changed from the first snapshot to the second: + added, - removed, M content changed, U metadata changed, T other type, M? content changed while all metadata stayed, which may be a rotten disk.',
    'At the end it counts files, directories and blobs that only one of the two has.',
  ],
  examples: ['holdfast diff 1a2b3c4d latest', 'holdfast diff --metadata 1a2b3c4d:/etc latest:/etc'],
  isListing: true,
  options: { metadata: { kind: 'flag', description: 'show entries of which only metadata changed' } },
  async run(context, values, positionals) {
    const [first, second] = exactArguments(positionals, ['SNAPSHOT', 'SNAPSHOT']);
    const { output } = context;
    const failed = await withReadLock(context, async (session) => {
      const { snapshots } = session.repository;
      const before = await snapshots.find(first, everySnapshot, { signal: session.signal });
      const after = await snapshots.find(second, everySnapshot, { signal: session.signal });
      const reader = await openReader(session);
      output.say(`comparing snapshot ${shortId(before.snapshot.id)} to ${shortId(after.snapshot.id)}:\n`);
      let failureCount = 0;
      const totals = await diffTrees({
        source: reader,
        index: reader.index,
        before: await treeOf(reader, before),
        after: await treeOf(reader, after),
        withMetadata: values.metadata,
        onChange: (change) => printChange(output, change),
        onFailure: (path, thrown) => {
          failureCount += 1;
          const { code, message, context: details } = asHoldfastError(thrown);
          context.events({ kind: 'failure', operation: 'index', path: displayPath(path), error: { code, message, context: details } });
        },
        signal: session.signal,
      });
      printTotals(output, totals, first, second);
      return failureCount + totals.missingBlobs.length;
    });
    if (failed === 0) return 0;
    throw new HoldfastError('damaged', `the comparison is incomplete: ${failed} directories or blobs could not be read`, {
      hint: 'Run a check of the repository.',
    });
  },
});

function printChange(output: Output, { path, modifier }: TreeChange): void {
  if (output.verbosity === 0) return;
  if (output.isJson) {
    output.json({ message_type: 'change', path: displayPath(path), modifier });
    return;
  }
  const start = modifier.padEnd(5);
  const name = output.isTerminal ? printableName(displayPath(path)) : pathBytes(path);
  output.line(typeof name === 'string' ? start + name : Buffer.concat([Buffer.from(start), name]));
}

function printTotals(output: Output, { changedFiles, added, removed }: DiffTotals, source: string, target: string): void {
  if (output.isJson) {
    const statistics = { message_type: 'statistics', source_snapshot: source, target_snapshot: target, changed_files: changedFiles };
    output.json({ ...statistics, added: sideJson(added), removed: sideJson(removed) });
    return;
  }
  const pair = (key: keyof SideTotals) => `${pad(added[key])} new, ${pad(removed[key])} removed`;
  output.line('');
  output.line(`Files:       ${pair('files')}, ${pad(changedFiles)} changed`);
  output.line(`Dirs:        ${pair('dirs')}`);
  output.line(`Others:      ${pair('others')}`);
  output.line(`Data Blobs:  ${pair('dataBlobs')}`);
  output.line(`Tree Blobs:  ${pair('treeBlobs')}`);
  output.line(`  Added:   ${formatBytes(added.bytes)}`);
  output.line(`  Removed: ${formatBytes(removed.bytes)}`);
}

function sideJson({ files, dirs, others, dataBlobs, treeBlobs, bytes }: SideTotals): object {
  return { files, dirs, others, data_blobs: dataBlobs, tree_blobs: treeBlobs, bytes };
}

function pad(count: number): string {
  return String(count).padStart(5);
}
