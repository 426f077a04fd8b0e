/** What a person can do about what a check found: which repair, in which order. */
import type { CheckReport } from '../../repository/check/report.ts';

type Findings = Pick<CheckReport, 'errors' | 'brokenPacks' | 'brokenSnapshots' | 'suggestRepairIndex'>;

/** A full sentence, or several. docs/damage.md has the whole. */
export function adviceFor({ errors, brokenPacks, brokenSnapshots, suggestRepairIndex }: Findings): string {
  const kinds = new Set<string>(errors.map(({ kind }) => kind));
  const missing = new Set(errors.filter(({ kind }) => kind === 'pack-missing').map(({ context }) => context['pack']));
  if (kinds.has('config')) return 'Restore the file config from a copy of the repository: its content cannot be made again.';
  if (brokenPacks.some((pack) => !missing.has(pack))) {
    return 'Data is damaged or lost. Copy the repository before you repair anything. Then `repair packs` with the ids of the packs named above saves what is whole in them, and says which files are affected.';
  }
  if (missing.size > 0) {
    return 'Packs are missing. Copy them back if there is a copy of the repository. If not, run `repair index`, then `repair snapshots --dry-run` says which files are affected.';
  }
  if (suggestRepairIndex) return 'The index is damaged: the data may still be whole. Copy the repository, then run `repair index`.';
  if (kinds.has('node') || kinds.has('tree')) {
    return 'Snapshots need what the index does not have. Run `repair index`, which finds it if it is there; a new backup brings back what is unchanged at its source; `repair snapshots` takes out what stays lost.';
  }
  if (brokenSnapshots.length > 0) {
    return 'Some snapshots cannot be read; the others are whole. `recover` finds what such a snapshot had, then `repair snapshots --forget ID` removes its file.';
  }
  if (kinds.has('key'))
    return 'Restore the key from a copy of the repository, or remove it with `key remove ID`: another opens the repository.';
  return 'The errors above say what is wrong.';
}
