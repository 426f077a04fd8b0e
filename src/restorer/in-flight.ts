/** Work on many items, some at a time, the items made only when they are wanted. */

/**
 * Runs `work` on every item. The first failure ends it: no further item is begun, those under way are waited for, and the
 * failure is thrown.
 */
export async function forEachInFlight<Item>(items: Iterable<Item>, limit: number, work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;
  const runOne = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true && failure === undefined; next = queue.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, runOne));
  if (failure !== undefined) throw failure.error;
}

/** Fixed-size groups of what an iterable gives. */
export function* inGroups<Item>(items: Iterable<Item>, size: number): Generator<Item[]> {
  let group: Item[] = [];
  for (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/**
 * Takes items from the end of a list until it is empty and nothing runs that could add to it: some groups at a time, each
 * with a fair share of what waits.
 */
export async function drainInFlight<Item>(
  waiting: Item[],
  { limit, maxGroup }: { readonly limit: number; readonly maxGroup: number },
  work: (items: Item[]) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const begin = (): void => {
    const size = Math.min(maxGroup, Math.ceil(waiting.length / limit));
    const task = work(waiting.splice(-size)).finally(() => running.delete(task));
    running.add(task);
  };
  try {
    while (waiting.length > 0 || running.size > 0) {
      while (waiting.length > 0 && running.size < limit) begin();
      await Promise.race(running);
    }
  } finally {
    await Promise.allSettled(running);
  }
}
