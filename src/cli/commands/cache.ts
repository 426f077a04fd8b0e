import { type FoundCache, findCaches, oldCacheDays, removeCaches, sizeOfCache } from '../../app/cache-place.ts';
import { HoldfastError } from '../../base/errors.ts';
import { cachePlace } from '../cache-use.ts';
import { count, formatBytes } from '../render/format.ts';
import { renderTable } from '../render/text-table.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { type CommandContext, defineCommand } from './command.ts';

interface MeasuredCache extends FoundCache {
  readonly sizeBytes: number | undefined;
}

const dayMs = 24 * 3_600_000;

export const cache = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Lists the caches of this machine, one for each repository, with the time since each was used and its size. A cache holds copies only: it may be removed at any moment, also while a command uses it.',
    'With --cleanup it removes those that were not used for a while.',
  ],
  examples: ['holdfast cache', 'holdfast cache --cleanup --max-age 7'],
  options: {
    cleanup: { kind: 'flag', description: 'remove old caches' },
    'max-age': {
      kind: 'number',
      valueName: 'DAYS',
      description: `a cache is old when it was not used for so many days (default: ${oldCacheDays})`,
    },
    'no-size': { kind: 'flag', description: 'leave the sizes out, which take a while to find' },
  },
  async run(context, values, positionals) {
    exactArguments(positionals, []);
    if (context.globals['no-cache']) {
      throw new HoldfastError('usage', '--no-cache contradicts the command', { hint: 'Leave --no-cache out.' });
    }
    const place = cachePlace(context);
    const nowMs = Number(context.clock.nowNs() / 1_000_000n);
    const caches = await findCaches(place, nowMs, values['max-age'] ?? oldCacheDays);
    if (values.cleanup) return await cleanUp(context, caches, place);
    const measured = await measure(caches, values['no-size']);
    if (context.output.isJson) context.output.json(measured.map(cacheJson));
    else for (const line of cacheLines(measured, place, nowMs, values['no-size'])) context.output.line(line);
    return 0;
  },
});

async function cleanUp({ output, events }: CommandContext, caches: readonly FoundCache[], place: string): Promise<number> {
  const { removed, failures } = await removeCaches(caches.filter(({ isOld }) => isOld));
  for (const {
    cache: { path },
    error,
  } of failures)
    events({ kind: 'warning', message: `${path} could not be removed: ${error.message}` });
  if (output.isJson) output.json({ message_type: 'caches_removed', ids: removed.map(({ name }) => name) });
  else output.say(`removed ${count(removed.length, 'old cache')} of ${caches.length} in ${place}`);
  const [first] = failures;
  if (first === undefined) return 0;
  throw new HoldfastError(first.error.code, `${count(failures.length, 'old cache')} could not be removed`, {
    hint: 'The warnings above say why.',
  });
}

async function measure(caches: readonly FoundCache[], withoutSizes: boolean): Promise<MeasuredCache[]> {
  const measured: MeasuredCache[] = [];
  for (const found of caches) measured.push({ ...found, sizeBytes: withoutSizes ? undefined : await sizeOfCache(found) });
  return measured;
}

function cacheJson({ name, path, usedMs, isOld, sizeBytes }: MeasuredCache): object {
  return { id: name, path, last_used: new Date(usedMs).toISOString(), old: isOld, ...(sizeBytes === undefined ? {} : { size: sizeBytes }) };
}

function cacheLines(caches: readonly MeasuredCache[], place: string, nowMs: number, withoutSizes: boolean): string[] {
  if (caches.length === 0) return [`there are no caches in ${place}`];
  const headings = ['Repo ID', 'Last Used', 'Old', ...(withoutSizes ? [] : ['Size'])];
  const rows = caches.map((found) => cacheRow(found, nowMs));
  const total = caches.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
  const footer = `${count(caches.length, 'cache')} in ${place}${withoutSizes ? '' : `, ${formatBytes(total)}`}`;
  return renderTable({ headings, rows, footer: [footer] });
}

/** So many digits of an id, as restic shows them here. */
const shownDigits = 10;

function cacheRow({ name, isTemporary, usedMs, isOld, sizeBytes }: MeasuredCache, nowMs: number): string[][] {
  const days = Math.max(0, Math.floor((nowMs - usedMs) / dayMs));
  const size = sizeBytes === undefined ? [] : [[formatBytes(sizeBytes).padStart(11)]];
  return [[isTemporary ? name : name.slice(0, shownDigits)], [`${count(days, 'day')} ago`], [isOld ? 'yes' : ''], ...size];
}
