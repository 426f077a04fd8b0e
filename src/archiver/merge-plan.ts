import type { UnfinishedPack } from '../workers/archive/messages.ts';
import type { BlobType } from '../workers/index-table.ts';

/** Which unfinished packs of a type become one: as few packs as possible, none larger than a pack may be. */
export function groupUnfinished(packs: readonly UnfinishedPack[], type: BlobType, packSizeBytes: number): UnfinishedPack[][] {
  const groups: { parts: UnfinishedPack[]; sizeBytes: number }[] = [];
  const largestFirst = packs.filter((pack) => pack.type === type).sort((a, b) => b.sizeBytes - a.sizeBytes);
  for (const pack of largestFirst) {
    const fitting = groups.find((group) => group.sizeBytes + pack.sizeBytes <= packSizeBytes);
    if (fitting === undefined) groups.push({ parts: [pack], sizeBytes: pack.sizeBytes });
    else {
      fitting.parts.push(pack);
      fitting.sizeBytes += pack.sizeBytes;
    }
  }
  return groups.map((group) => group.parts);
}
