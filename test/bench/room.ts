/** How the rounds over a corpus are arranged so that everything finds room. */
import type { Corpus } from './corpora.ts';

export interface Arrangement {
  /** True: each operation by one, then by the other. False: all operations by one, then by the other. */
  readonly isInterleaved: boolean;
  /** True where the corpus goes before the restore and is made again after it. */
  readonly removesCorpus: boolean;
}

/**
 * restic puts its packs together in the folder for temporary files: some twenty of about 16 MiB at once, when all of its packers and
 * uploads are busy. Holdfast stages in the repository, where each pack is counted already.
 */
const temporaryBytes = 512 * 1024 * 1024;

/** @returns the arrangement, or which part of the corpus would find room */
export function arrange({ bytes, storedShare, isGenerated }: Corpus, freeBytes: number): Arrangement | { readonly fittingShare: number } {
  const corpus = isGenerated ? bytes : 0;
  const repository = bytes * storedShare;
  const restored = bytes;
  if (corpus + 2 * repository + restored <= freeBytes) return { isInterleaved: true, removesCorpus: false };
  if (corpus + repository + restored <= freeBytes) return { isInterleaved: false, removesCorpus: false };
  // Above, what is restored later has more room than temporary files need.
  const least = Math.max(corpus + Math.min(bytes, temporaryBytes), restored) + repository;
  if (isGenerated && least <= freeBytes) return { isInterleaved: false, removesCorpus: true };
  // Temporary files take the lesser of both, so whichever of both sums fits is enough.
  const backedUp = Math.max((freeBytes - temporaryBytes) / (corpus + repository), freeBytes / (corpus + repository + bytes));
  return { fittingShare: Math.max(0, Math.min(freeBytes / (restored + repository), backedUp)) };
}
