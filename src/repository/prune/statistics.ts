/** What a prune finds and does, in restic's terms. Bytes of blobs are those sealed, without the headers of packs. */

export interface PruneStatistics {
  readonly blobs: {
    readonly used: number;
    /** Further copies of used blobs. */
    readonly duplicate: number;
    readonly unused: number;
    readonly total: number;
    /** In packs that are repacked. */
    readonly repack: number;
    /** Of those: dropped on the way. */
    readonly repackRemove: number;
    /** In packs that go as a whole. */
    readonly remove: number;
    readonly removeTotal: number;
    readonly remain: number;
  };
  readonly bytes: PruneStatistics['blobs'] & {
    /** Of packs that no index knows. */
    readonly unreferenced: number;
    /** Of packs that have blobs which are not compressed, after the prune; 0 where the format has no compression. */
    readonly uncompressed: number;
    readonly remainUnused: number;
  };
  readonly packs: {
    readonly used: number;
    readonly unused: number;
    readonly partlyUsed: number;
    readonly unreferenced: number;
    readonly total: number;
    readonly keep: number;
    readonly repack: number;
    /** Packs that an index knows and that go as a whole. */
    readonly remove: number;
    readonly removeTotal: number;
  };
}

export interface Amount {
  blobs: number;
  bytes: number;
}

/** Sums while packs are looked at; `statistics` gives them with the totals that follow. */
export class PruneSums {
  readonly used: Amount = { blobs: 0, bytes: 0 };
  readonly duplicate: Amount = { blobs: 0, bytes: 0 };
  readonly unused: Amount = { blobs: 0, bytes: 0 };
  readonly repack: Amount = { blobs: 0, bytes: 0 };
  readonly repackRemove: Amount = { blobs: 0, bytes: 0 };
  readonly remove: Amount = { blobs: 0, bytes: 0 };
  readonly packs = { used: 0, unused: 0, partlyUsed: 0, unreferenced: 0, keep: 0, repack: 0, remove: 0 };
  unreferencedBytes = 0;
  uncompressedBytes = 0;

  /** Bytes that no snapshot needs and that nothing decided so far removes. */
  get remainingUnusedBytes(): number {
    return this.duplicate.bytes + this.unused.bytes - this.remove.bytes - this.repackRemove.bytes;
  }

  statistics(): PruneStatistics {
    const { packs } = this;
    const bytes = this.#totals('bytes', this.unreferencedBytes);
    return {
      blobs: this.#totals('blobs', 0),
      bytes: {
        ...bytes,
        unreferenced: this.unreferencedBytes,
        uncompressed: this.uncompressedBytes,
        remainUnused: this.remainingUnusedBytes,
      },
      packs: {
        ...packs,
        total: packs.used + packs.partlyUsed + packs.unused + packs.unreferenced,
        removeTotal: packs.unreferenced + packs.remove,
      },
    };
  }

  #totals(unit: keyof Amount, unreferenced: number): PruneStatistics['blobs'] {
    const total = this.used[unit] + this.duplicate[unit] + this.unused[unit] + unreferenced;
    const removeTotal = this.remove[unit] + this.repackRemove[unit] + unreferenced;
    return {
      used: this.used[unit],
      duplicate: this.duplicate[unit],
      unused: this.unused[unit],
      total,
      repack: this.repack[unit],
      repackRemove: this.repackRemove[unit],
      remove: this.remove[unit],
      removeTotal,
      remain: total - removeTotal,
    };
  }
}

export function addTo(sum: Amount, blobs: number, bytes: number): void {
  sum.blobs += blobs;
  sum.bytes += bytes;
}
