/** Small text files as restic reads them: a byte order mark is dropped, UTF-16 with a mark is understood. */
import { readFile } from 'node:fs/promises';
import { HoldfastError } from '../../base/errors.ts';

/** @param where the option that named the file, for the error */
export async function readTextFile(path: string, where: string): Promise<string> {
  try {
    return decodeText(await readFile(path));
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new HoldfastError('usage', `the file ${path} of ${where} cannot be read: ${errno}`, {
      hint: 'Check the path and the permissions.',
      context: { path, errno },
      cause,
    });
  }
}

export function decodeText(bytes: Uint8Array): string {
  const [first, second, third] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) return new TextDecoder().decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  return Buffer.from(bytes).toString('utf8');
}
