/** Objects are named by the first digits of their ids, as many as make them unique. */
import { HoldfastError } from '../base/errors.ts';
import { type AnyId, isId } from '../base/ids.ts';
import type { Backend, CallOptions, FileKind, ListedFile } from '../storage/backend.ts';

/**
 * The full id of the one file whose id begins so. A full id is taken as it is, without looking whether the file exists.
 * @throws HoldfastError `not-found`, or `ambiguous` with how many there are
 */
export async function findByPrefix<T extends AnyId>(
  backend: Pick<Backend, 'list'>,
  kind: FileKind,
  prefix: string,
  options: CallOptions = {},
): Promise<T> {
  if (isId(prefix)) return prefix as T;
  if (!/^[0-9a-f]{1,63}$/.test(prefix)) throw notFound(kind, prefix);
  const matches: string[] = [];
  for await (const { name } of backend.list(kind, { ...options, namesOnly: true })) {
    if (name.startsWith(prefix)) matches.push(name);
  }
  if (matches.length > 1) throw ambiguous(kind, prefix, matches);
  if (matches[0] === undefined) throw notFound(kind, prefix);
  return matches[0] as T;
}

/** For many searches in a row: asks the storage once, at the first. */
export function listedOnce(backend: Pick<Backend, 'list'>): Pick<Backend, 'list'> {
  const lists = new Map<FileKind, Promise<ListedFile[]>>();
  return {
    async *list(kind, options) {
      const list = lists.get(kind) ?? Array.fromAsync(backend.list(kind, options));
      lists.set(kind, list);
      yield* await list;
    },
  };
}

export function notFound(kind: FileKind, prefix: string): HoldfastError {
  return new HoldfastError('not-found', `no ${kind} has an id that begins with ${JSON.stringify(prefix)}`, {
    hint: `List the ${kind}s of the repository to see which there are.`,
    context: { kind, prefix },
  });
}

/** Ids shown to a person who has to choose one. */
const shownMatches = 5;

function ambiguous(kind: FileKind, prefix: string, matches: readonly string[]): HoldfastError {
  const shown = matches.slice(0, shownMatches).map((id) => id.slice(0, prefix.length + 8));
  const more = matches.length > shownMatches ? ', …' : '';
  return new HoldfastError('ambiguous', `${matches.length} ${kind}s have ids that begin with ${JSON.stringify(prefix)}`, {
    hint: `Give more digits of one of them: ${shown.join(', ')}${more}.`,
    context: { kind, prefix, matchCount: matches.length },
  });
}
