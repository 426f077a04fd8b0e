import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { compilePatterns } from '../../patterns/pattern-list.ts';
import type { StoredSnapshot } from '../../repository/snapshots.ts';
import { type EntryQuery, type FindScope, findEntries, findObjects, type ObjectQuery } from '../../repository/tree/find.ts';
import { objectsOfPacks } from '../../repository/tree/pack-objects.ts';
import { displayPath } from '../../repository/tree/tree-path.ts';
import { parseUserTime } from '../local-time.ts';
import { snapshotFilterOptions } from '../options/snapshot-options.ts';
import type { Values } from '../options/option.ts';
import { FoundPrinter } from '../render/found.ts';
import { openReader, type RepositoryReader, type RepositorySession, withReadLock } from '../repository-session.ts';
import { chooseSnapshots } from '../snapshot-choice.ts';
import { type CommandContext, defineCommand } from './command.ts';

const findOptions = {
  ...snapshotFilterOptions,
  snapshot: { kind: 'many', short: 's', valueName: 'ID', description: 'search only in this snapshot' },
  'ignore-case': { kind: 'flag', short: 'i', description: 'upper and lower case alike' },
  oldest: { kind: 'text', short: 'O', valueName: 'TIME', description: 'modified at this time or later' },
  newest: { kind: 'text', short: 'N', valueName: 'TIME', description: 'modified at this time or before' },
  long: { kind: 'flag', short: 'l', description: 'with mode, owner, size and time' },
  'human-readable': { kind: 'flag', description: 'sizes with units' },
  reverse: { kind: 'flag', short: 'R', description: 'oldest snapshot first' },
  blob: { kind: 'flag', description: 'the arguments are ids of data blobs' },
  tree: { kind: 'flag', description: 'the arguments are ids of trees' },
  pack: { kind: 'flag', description: 'the arguments are ids of packs: their blobs and trees are searched' },
  'show-pack-id': { kind: 'flag', description: 'with --blob or --tree: say in which packs they are' },
} as const;

type FindValues = Values<typeof findOptions>;

export const find = defineCommand({
  synopsis: '[OPTION...] PATTERN...',
  details: [
    'Searches the snapshots, newest first, for files and directories whose path matches a pattern, or for the places where an object of the repository is used.',
    'A pattern without a slash matches names anywhere; what is in a directory that matches, matches too.',
  ],
  examples: ["holdfast find '*.conf'", 'holdfast find --ignore-case --newest 2026-01-01 report', 'holdfast find --blob 420f620f'],
  isListing: true,
  options: findOptions,
  async run(context, values, positionals) {
    if (positionals.length === 0)
      throw new HoldfastError('usage', 'nothing to search for is named', { hint: 'Give one or more patterns.' });
    const query = values.blob || values.tree || values.pack ? undefined : entryQuery(values, positionals);
    if ([values.blob, values.tree, values.pack].filter(Boolean).length > 1) {
      throw new HoldfastError('usage', '--blob, --tree and --pack contradict each other', { hint: 'Give one of them.' });
    }
    await withReadLock(context, async (session) => {
      const chosen = await chooseSnapshots(context, session, values.snapshot, values);
      const reader = await openReader(session);
      const objects = query === undefined ? objectQuery(reader, values, positionals) : undefined;
      const printer = new FoundPrinter(context.output, {
        isLong: values.long,
        isHumanReadable: values['human-readable'],
        isForObjects: query === undefined,
      });
      const ordered = values.reverse ? chosen.snapshots : chosen.snapshots.toReversed();
      for (const snapshot of ordered) {
        const scope = scopeOf(context, session, reader, snapshot);
        if (query !== undefined) await findEntries(scope, query, ({ path, node }) => printer.entry(snapshot, path, node));
        else if (objects !== undefined) await findObjects(scope, objects, (found) => printer.object(snapshot, found));
      }
      printer.finish();
      if (values['show-pack-id'] && objects !== undefined) printer.packs(reader.index, objects);
      chosen.assertComplete();
    });
    return 0;
  },
});

function entryQuery(values: FindValues, patterns: readonly string[]): EntryQuery {
  const oldestNs = values.oldest === undefined ? undefined : parseUserTime(values.oldest, '--oldest');
  const newestNs = values.newest === undefined ? undefined : parseUserTime(values.newest, '--newest');
  if (oldestNs !== undefined && newestNs !== undefined && oldestNs > newestNs) {
    throw new HoldfastError('usage', '--oldest is later than --newest', { hint: 'Exchange the two.' });
  }
  return { patterns: compilePatterns(patterns, { ignoreCase: values['ignore-case'] }), oldestNs, newestNs };
}

function objectQuery(reader: RepositoryReader, values: FindValues, ids: readonly string[]): ObjectQuery {
  for (const id of ids) {
    if (/^[0-9a-f]{4,64}$/.test(id)) continue;
    throw new HoldfastError('usage', `${JSON.stringify(id)} is not the beginning of an id`, {
      hint: 'Give at least four hexadecimal digits.',
    });
  }
  if (values.pack) return objectsOfPacks(reader.index, ids);
  return { blobs: values.blob ? ids : [], trees: values.tree ? ids : [] };
}

function scopeOf(context: CommandContext, { signal }: RepositorySession, reader: RepositoryReader, snapshot: StoredSnapshot): FindScope {
  return {
    source: reader,
    root: snapshot.tree,
    signal,
    onUnreadable: (_tree, path, thrown) => {
      const { code, message, context: details } = asHoldfastError(thrown);
      const error = { code, message: `${message} (snapshot ${snapshot.id.slice(0, 8)})`, context: details };
      context.events({ kind: 'failure', operation: 'index', path: displayPath(path), error });
    },
  };
}
