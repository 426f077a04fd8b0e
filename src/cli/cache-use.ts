/** Whether a command uses the cache of this machine, and which. */
import { defaultCachePlace, findCaches, removeCaches } from '../app/cache-place.ts';
import { defaultCacheBytes, openCache } from '../app/open-cache.ts';
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import type { OpenRepository } from '../repository/open-repository.ts';
import type { Backend } from '../storage/backend.ts';
import type { CommandContext } from './commands/command.ts';
import { valueOrigin } from './options/option.ts';

/**
 * usual: the repository's, where one helps · temporary: an empty one that is removed at the end, for what must not trust copies ·
 * unless-local: none for a repository in a folder, whatever the options say
 */
export type CacheUse = 'usual' | 'temporary' | 'unless-local';

/** A cache that cannot be used is a warning: everything works without. */
export async function putCacheInFront(context: CommandContext, { backend, config }: OpenRepository, use: CacheUse): Promise<Backend> {
  const { globals } = context;
  const needsCleanup = globals['cleanup-cache'] && !globals['no-cache'];
  if (!needsCleanup && !isUseful(context, backend, use)) return backend;
  try {
    const place = cachePlace(context);
    if (needsCleanup) await removeOld(context, place);
    if (!isUseful(context, backend, use)) return backend;
    const limitBytes = globals['cache-size'] ?? defaultCacheBytes;
    return await openCache(backend, { place, repositoryId: config.id, limitBytes, isTemporary: use === 'temporary' });
  } catch (error) {
    context.events({ kind: 'warning', message: `there is no cache: ${asHoldfastError(error).message}` });
    return backend;
  }
}

/** @throws HoldfastError `usage` where nothing says in which folder caches are */
export function cachePlace({ globals, environment }: CommandContext): string {
  const place = globals['cache-dir'] ?? defaultCachePlace((name) => environment.foreign(name));
  if (place !== undefined) return place;
  throw new HoldfastError('usage', 'nothing says where caches are: XDG_CACHE_HOME is not set, and HOME names no folder', {
    hint: 'Use --cache-dir, or --no-cache.',
  });
}

/**
 * The files of a repository in a folder are as near as those of a cache, and workers open them themselves. Only somebody who says so in this
 * very command (for a folder that is mounted over a slow line) gets a cache for them; a variable is meant for all repositories.
 */
function isUseful({ globals, origins }: CommandContext, { capabilities }: Backend, use: CacheUse): boolean {
  if (globals['no-cache']) return false;
  if (!capabilities.localFiles) return true;
  return use !== 'unless-local' && origins.get('cache-dir') === valueOrigin.commandLine;
}

async function removeOld({ clock, events }: CommandContext, place: string): Promise<void> {
  const caches = await findCaches(place, Number(clock.nowNs() / 1_000_000n));
  const { failures } = await removeCaches(caches.filter(({ isOld }) => isOld));
  for (const { cache, error } of failures)
    events({ kind: 'warning', message: `the old cache ${cache.path} could not be removed: ${error.message}` });
}
