/** Answers whose bodies do not matter, or only for what they say of a refusal. */
import type { RestAnswer } from './rest-transport.ts';

/**
 * Reads an answer that matters no more to its end, so that its connection can be used again.
 * @returns the sentence of plain text that it was, in which a server says why it refuses; '' for anything else
 */
export async function discard(response: RestAnswer): Promise<string> {
  let seen = 0;
  let text = '';
  const isText = response.headers['content-type']?.startsWith('text/plain') === true;
  for await (const piece of response) {
    seen += piece.length;
    if (isText && text.length < maxSentenceLength) text += piece.toString('utf8');
    if (seen > maxDiscardedBytes) break;
  }
  // Whatever a server writes must not steer the terminal, and a page is no sentence.
  const sentence = text.trim();
  return sentence.length > maxSentenceLength || /[\p{Cc}\p{Cf}\uFFFD]/u.test(sentence) ? '' : sentence;
}

const maxSentenceLength = 400;

/** A page that explains an error is shorter. */
const maxDiscardedBytes = 1 << 20;

/** Of the file as a whole, from `Content-Range: bytes 5-9/100` or its form for an impossible range, with a star. */
export function totalOfRange(response: RestAnswer): number | undefined {
  const total = /^bytes (?:\*|\d+-\d+)\/(\d+)$/.exec(response.headers['content-range'] ?? '')?.[1];
  return total === undefined ? undefined : Number(total);
}
