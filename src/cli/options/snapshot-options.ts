/** Options that choose snapshots. */
import type { OptionTable } from './option.ts';

/** For commands about one snapshot: they say which one `latest` is. */
export const latestSnapshotOptions = {
  host: { kind: 'many', short: 'H', valueName: 'NAME', env: 'HOST', description: 'latest is the last snapshot of this host' },
  tag: { kind: 'many', valueName: 'TAG[,TAG...]', description: 'latest is the last snapshot with these tags' },
  path: { kind: 'many', valueName: 'PATH', description: 'latest is the last snapshot with this path' },
} as const satisfies OptionTable;

/** For commands about many snapshots. */
export const snapshotFilterOptions = {
  host: { kind: 'many', short: 'H', valueName: 'NAME', env: 'HOST', description: 'only snapshots of this host' },
  tag: { kind: 'many', valueName: 'TAG[,TAG...]', description: 'only snapshots with all tags of one of these lists' },
  path: { kind: 'many', valueName: 'PATH', description: 'only snapshots with this path' },
} as const satisfies OptionTable;

export interface SnapshotFilterValues {
  readonly host: readonly string[];
  readonly tag: readonly string[];
  readonly path: readonly string[];
}
