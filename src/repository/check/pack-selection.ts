/** Which of the packs a check reads when it does not read all. */
import type { Randomness } from '../../base/clock.ts';
import type { StoredPack } from './check-packs.ts';

export type PackSelection =
  /** One of `count` parts, which never overlap, are the same everywhere, and together are everything. */
  | { readonly kind: 'part'; readonly part: number; readonly count: number }
  /** So much of all packs, by their number. */
  | { readonly kind: 'percent'; readonly percent: number }
  | { readonly kind: 'size'; readonly sizeBytes: number }
  /** Those that were proved longest ago, or never, up to a size. */
  | { readonly kind: 'oldest'; readonly sizeBytes: number; readonly provedMs: (pack: string) => number | undefined };

/** As many as there are: the parts are told apart by the first byte of a pack's id, as in restic. */
export const maxParts = 256;

/** At least one pack where there is one: a check that is to read some data reads some. */
export function selectPacks(packs: readonly StoredPack[], selection: PackSelection, random: Randomness): readonly StoredPack[] {
  switch (selection.kind) {
    case 'part':
      return packs.filter(({ id }) => Number.parseInt(id.slice(0, 2), 16) % selection.count === selection.part - 1);
    case 'percent':
      return shuffled(packs, random).slice(0, Math.max(1, Math.floor((packs.length * selection.percent) / 100)));
    case 'size':
      return upTo(shuffled(packs, random), selection.sizeBytes);
    case 'oldest':
      return upTo(oldestFirst(shuffled(packs, random), selection.provedMs), selection.sizeBytes);
  }
}

/** The first ones that fit together, and in any case the first: whatever its size, the rotation goes on. */
function upTo(packs: readonly StoredPack[], sizeBytes: number): StoredPack[] {
  const taken: StoredPack[] = [];
  let total = 0;
  for (const pack of packs) {
    total += pack.sizeBytes;
    if (total > sizeBytes && taken.length > 0) break;
    taken.push(pack);
  }
  return taken;
}

/**
 * Packs that were never proved come first. The order of equals stays as it is: when it is random, packs get their turn even where the memory
 * of the times is lost after each run.
 */
function oldestFirst(packs: readonly StoredPack[], provedMs: (pack: string) => number | undefined): StoredPack[] {
  const timed = packs.map((pack) => ({ pack, ms: provedMs(pack.id) ?? 0 }));
  return timed.toSorted((a, b) => a.ms - b.ms).map(({ pack }) => pack);
}

/** Fisher and Yates' shuffle. */
function shuffled<T>(items: readonly T[], random: Randomness): T[] {
  const order = [...items];
  const draws = new Uint32Array(order.length);
  random.fill(new Uint8Array(draws.buffer));
  for (let last = order.length - 1; last > 0; last--) {
    // 32 random bits over at most some million packs: no pack is preferred by more than a thousandth.
    const other = Math.floor(((draws[last] ?? 0) / 2 ** 32) * (last + 1));
    [order[last], order[other]] = [order[other] as T, order[last] as T];
  }
  return order;
}
