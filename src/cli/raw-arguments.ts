/**
 * Arguments as the kernel has them. Node makes text of them, and a name that is no UTF-8 (`caf\xe9`) becomes another one on the way.
 * /proc still has the bytes; in text they stand as `readableText` writes them, from which `pathText` makes the bytes again.
 */
import { readFileSync } from 'node:fs';
import { readableText } from '../patterns/path-text.ts';

const replacementCharacter = '\ufffd';

export function restoreArguments(argv: readonly string[]): readonly string[] {
  if (!argv.some((argument) => argument.includes(replacementCharacter))) return argv;
  const raw = readCommandLine();
  const first = raw.length - argv.length;
  return argv.map((argument, index) => {
    const bytes = raw[first + index];
    const isSame = bytes?.toString('utf8') === argument;
    return bytes !== undefined && isSame && argument.includes(replacementCharacter) ? readableText(bytes) : argument;
  });
}

/** Each argument is ended by NUL. Empty where there is no /proc. */
function readCommandLine(): Buffer[] {
  try {
    const line = readFileSync('/proc/self/cmdline').toString('latin1');
    return line
      .split('\0')
      .slice(0, -1)
      .map((argument) => Buffer.from(argument, 'latin1'));
  } catch {
    return [];
  }
}
