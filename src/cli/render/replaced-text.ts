/** A snapshot that took the place of another, as people and programs see it. */
import { shortId } from '../../base/ids.ts';
import type { ReplacedSnapshot } from '../../repository/rewrite/snapshot-replacer.ts';
import type { Output } from '../output.ts';

export interface ReplacedOptions {
  readonly isDryRun: boolean;
  readonly verb: 'repaired' | 'rewritten';
}

export function showReplaced(
  output: Output,
  { old, snapshot, id, isOldRemoved }: ReplacedSnapshot,
  { isDryRun, verb }: ReplacedOptions,
): void {
  if (output.isJson) {
    output.json({
      message_type: `snapshot_${verb}`,
      old_snapshot: old.id,
      ...(id === undefined ? {} : { snapshot: id }),
      tree: snapshot.tree,
      removed_old: isOldRemoved && !isDryRun,
      dry_run: isDryRun,
    });
    return;
  }
  if (isDryRun) output.say(`snapshot ${shortId(old.id)} would be ${verb}${isOldRemoved ? ', and the old one removed' : ''}`);
  else
    output.say(`snapshot ${shortId(old.id)} was ${verb} as ${id === undefined ? '?' : shortId(id)}${isOldRemoved ? ', and removed' : ''}`);
}
