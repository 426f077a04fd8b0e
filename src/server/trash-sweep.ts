/** Removes for good what has been in the trash for long enough. */
import type { Clock } from '../base/clock.ts';
import { listTrash, removeFromTrash } from './trash.ts';

const nsPerS = 1_000_000_000n;

/** @returns how many files went */
export async function emptyDueTrash(root: string, clock: Clock): Promise<number> {
  const nowS = Number(clock.nowNs() / nsPerS);
  let count = 0;
  for await (const entry of listTrash(root)) {
    if (entry.dueS > nowS) continue;
    await removeFromTrash(entry);
    count++;
  }
  return count;
}
