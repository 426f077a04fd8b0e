/** JSON as the output needs it: 64-bit numbers stay exact, a document is one line. */

// In Node 24, not yet in TypeScript's library: a literal that JSON.stringify copies as it is.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** Like JSON.stringify, and a bigint becomes a number of all its digits (inodes and device ids need them). */
export function jsonText(value: unknown, indent = 0): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? rawJSON(item.toString()) : item), indent);
}
