/** How the rounds over a corpus are arranged so that everything finds room. */
import type { Corpus } from './corpora.ts';

export interface Arrangement {
  /** True: each operation by one, then by the other. False: all operations by one, then by the other. */
  readonly isInterleaved: boolean;
  /** True where the corpus goes before the restore and is made again after it. */
  readonly removesCorpus: boolean;
}

/** @returns the arrangement, or which part of the corpus would find room */
export function arrange({ bytes, storedShare, isGenerated }: Corpus, freeBytes: number): Arrangement | { readonly fittingShare: number } {
  const corpus = isGenerated ? bytes : 0;
  const repository = bytes * storedShare;
  const restored = bytes;
  if (corpus + 2 * repository + restored <= freeBytes) return { isInterleaved: true, removesCorpus: false };
  if (corpus + repository + restored <= freeBytes) return { isInterleaved: false, removesCorpus: false };
  const least = Math.max(corpus, restored) + repository;
  if (isGenerated && least <= freeBytes) return { isInterleaved: false, removesCorpus: true };
  return { fittingShare: Math.max(0, freeBytes / least) };
}
