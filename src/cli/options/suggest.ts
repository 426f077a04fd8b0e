/** The known word that was probably meant. */

/** @returns the nearest of `known`, or undefined when none is near enough to be worth naming */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  // A third of the letters may differ: `bakcup` finds backup, `xyz` finds nothing.
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    const distance = editDistance(word, candidate, bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best ?? uniquePrefix(word, known);
}

/** `--exclude-larger` for `--exclude-larger-than`: an abbreviation is far away in letters, but plain in intent. */
function uniquePrefix(word: string, known: Iterable<string>): string | undefined {
  if (word.length < 3) return undefined;
  const matches = [...known].filter((candidate) => candidate.startsWith(word));
  return matches.length === 1 ? matches[0] : undefined;
}

/** Insertions, deletions, substitutions and swaps of neighbours; gives up at `bound`. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      current.push(cellDistance({ a, b, row, column, beforeLast, last, current }));
    }
    [beforeLast, last] = [last, current];
  }
  return last[b.length] ?? bound;
}

interface Cell {
  readonly a: string;
  readonly b: string;
  readonly row: number;
  readonly column: number;
  readonly beforeLast: readonly number[];
  readonly last: readonly number[];
  readonly current: readonly number[];
}

function cellDistance({ a, b, row, column, beforeLast, last, current }: Cell): number {
  const isSame = a[row - 1] === b[column - 1];
  const isSwap = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
  const far = Number.POSITIVE_INFINITY;
  return Math.min(
    (last[column] ?? far) + 1,
    (current[column - 1] ?? far) + 1,
    (last[column - 1] ?? far) + (isSame ? 0 : 1),
    isSwap ? (beforeLast[column - 2] ?? far) + 1 : far,
  );
}
