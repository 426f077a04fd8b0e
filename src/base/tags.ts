/** In restic an empty tag matches a snapshot without tags, and then ends the question. */
export function hasAllTags(present: readonly string[], wanted: readonly string[]): boolean {
  for (const tag of wanted) {
    if (tag === '' && present.length === 0) return true;
    if (!present.includes(tag)) return false;
  }
  return true;
}
