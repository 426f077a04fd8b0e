/**
 * The outermost form of files that are not packs: config, index, snapshot, lock. (Key files are plain JSON and not sealed as a whole.)
 * Version 1 has bare JSON. Version 2 has a byte 2 and then zstd, but may hold bare JSON as well, from before its upgrade.
 */
import { HoldfastError } from '../base/errors.ts';

/** First byte of a file whose rest is zstd. */
export const zstdMarker = 2;

export type UnpackedKind = 'plain' | 'zstd';

const openBrace = 0x7b;
const openBracket = 0x5b;

/**
 * What an unsealed file of a repository of version 2 is; with `zstd`, the frames begin at byte 1.
 * @throws HoldfastError `damaged` when it is empty, `repository-unsupported` when it begins with a byte that is not known
 */
export function classifyUnpacked(bytes: Uint8Array): UnpackedKind {
  const first = bytes[0];
  if (first === undefined) throw new HoldfastError('damaged', 'a file of the repository has no content');
  if (first === openBrace || first === openBracket) return 'plain';
  if (first === zstdMarker) return 'zstd';
  throw new HoldfastError('repository-unsupported', 'a file of the repository is in an encoding that is not known here', {
    context: { firstByte: first },
  });
}
