/** Lower case as Go's strings.ToLower makes it: character by character, without the context that JavaScript looks at. */
import { decodeRune, isAscii, type PathText, pathText } from './path-text.ts';

/** Bytes that are no UTF-8 become U+FFFD, as in Go, so patterns that ignore case do not tell them apart. */
export function lowerCase(path: PathText): PathText {
  if (isAscii(path)) return path.toLowerCase() as PathText;
  let lower = '';
  for (let position = 0; position < path.length; ) {
    const rune = decodeRune(path, position);
    lower += lowerRune(rune.point);
    position += rune.width;
  }
  return pathText(lower);
}

function lowerRune(point: number): string {
  const character = String.fromCodePoint(point);
  // Alone, a capital sigma gets its ordinary small form; U+0130 gets two code points, of which Go has the first.
  const [first = character] = character.toLowerCase();
  return first;
}
