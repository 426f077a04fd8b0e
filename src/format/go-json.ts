/**
 * Strings in JSON exactly as Go's encoding/json writes them, HTML escaping included: ids of trees depend on every byte.
 *
 * Facts from Go 1.26: `<`, `>`, `&`, U+2028 and U+2029 become \u escapes, so do control characters without a short form;
 * DEL stays as it is; a byte that is no valid UTF-8 becomes the six characters `\ufffd`.
 */
import { isUtf8 } from 'node:buffer';
import { asBuffer, sequenceLength } from './utf8.ts';

const needsEscape = /["\\<>&\u0000-\u001f\u2028\u2029]/;
const everyEscape = /["\\<>&\u0000-\u001f\u2028\u2029]/g;
const shortEscapes = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** Quotes included. Lone surrogates, which Go cannot hold, become U+FFFD as they do when Go reads them. */
export function encodeString(text: string): string {
  const valid = text.isWellFormed() ? text : text.toWellFormed();
  return needsEscape.test(valid) ? `"${valid.replace(everyEscape, escapeCharacter)}"` : `"${valid}"`;
}

/** The same for text that came as bytes, such as the target of a link; the bytes need not be valid UTF-8. */
export function encodeBytes(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return encodeString(asBuffer(bytes).toString('utf8'));
  const source = asBuffer(bytes);
  let text = '';
  let runStart = 0;
  for (let at = 0; at < source.length; ) {
    const length = sequenceLength(source, at, source.length);
    at += length || 1;
    if (length > 0) continue;
    text += `${encodeString(source.toString('utf8', runStart, at - 1)).slice(1, -1)}\\ufffd`;
    runStart = at;
  }
  return `"${text}${encodeString(source.toString('utf8', runStart)).slice(1, -1)}"`;
}

function escapeCharacter(character: string): string {
  return shortEscapes.get(character) ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
