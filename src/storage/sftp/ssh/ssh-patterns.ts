/** Patterns of names as ssh_config(5), "PATTERNS", has them: `*`, `?`, and `!` in front of what must not match. */

/** Whether one of the patterns matches and none with `!` does. */
export function matchesList(patterns: readonly string[], name: string): boolean {
  let isMatched = false;
  for (const pattern of patterns) {
    const isNegated = pattern.startsWith('!');
    if (!matchesPattern(isNegated ? pattern.slice(1) : pattern, name)) continue;
    if (isNegated) return false;
    isMatched = true;
  }
  return isMatched;
}

/** Letters count without their case, as in names of hosts. Runs in time bounded by the product of the lengths, whatever the pattern. */
export function matchesPattern(pattern: string, name: string): boolean {
  const wanted = pattern.toLowerCase();
  const given = name.toLowerCase();
  let at = 0;
  let star = -1;
  let retryAt = 0;
  for (let n = 0; n < given.length; ) {
    if (wanted[at] === '*') {
      star = at++;
      retryAt = n;
    } else if (at < wanted.length && (wanted[at] === '?' || wanted[at] === given[n])) {
      at++;
      n++;
    } else if (star === -1) return false;
    else {
      at = star + 1;
      n = ++retryAt;
    }
  }
  while (wanted[at] === '*') at++;
  return at === wanted.length;
}
