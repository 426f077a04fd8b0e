/** The order in which directories get their metadata: deepest first, as far as possible at once. */
import { directoryState, directoryWord, type RestorePlan, rootDirectory } from '../workers/restore/plan/restore-plan.ts';

/** A group this small is not worth sharing out among workers. */
const sharedGroup = 64;

/**
 * Steps, one after the other; the lists of one step may be done at the same time. A parent never comes before its child,
 * for afterwards an ordinary user may not be able to enter it. The target itself is in none: its metadata is the user's.
 */
export function* folderSteps(plan: RestorePlan, workerCount: number): Generator<Uint32Array[]> {
  let small: number[] = [];
  for (const level of levelsFromBelow(plan)) {
    if (level.length < sharedGroup) {
      small = small.concat(level);
      continue;
    }
    if (small.length > 0) yield [Uint32Array.from(small)];
    small = [];
    yield shareOut(level, workerCount);
  }
  if (small.length > 0) yield [Uint32Array.from(small)];
}

/** Directories that were made or found, by their depth. Rows of parents come before those of their children. */
function* levelsFromBelow(plan: RestorePlan): Generator<number[]> {
  const levels: number[][] = [];
  for (let directory = rootDirectory + 1; directory < plan.directories.count; directory++) {
    const state = plan.directories.load(directory, directoryWord.state);
    if (state !== directoryState.fresh && state !== directoryState.existing) continue;
    const depth = plan.directories.get(directory, directoryWord.depth);
    (levels[depth] ??= []).push(directory);
  }
  for (let level = levels.pop(); level !== undefined || levels.length > 0; level = levels.pop()) if (level !== undefined) yield level;
}

function shareOut(directories: readonly number[], workerCount: number): Uint32Array[] {
  // Smaller shares than one for each worker, so that none waits long for the slowest.
  const size = Math.ceil(directories.length / (workerCount * 4));
  const shares: Uint32Array[] = [];
  for (let at = 0; at < directories.length; at += size) shares.push(Uint32Array.from(directories.slice(at, at + size)));
  return shares;
}
