/** Very large files: one worker finds the cuts, all workers store chunks, each reading its own part by offset. */
import type { BlobId } from '../../base/ids.ts';
import { posixError } from '../../posix/errno.ts';
import { dataBlob } from '../index-table.ts';
import { printablePath } from './entry-paths.ts';
import type { ArchiveResponse, ChunksRequest, CutRequest, OpenFile } from './messages.ts';
import { SourceFailure } from './source-failure.ts';
import type { WorkerContext } from './worker-context.ts';

/** Pieces in which a cutter reads: they stay in the processor's cache while they are scanned. */
const pieceBytes = 1 << 20;
/** From here on what is left of a chunk moves to the front: pages further back are touched for long chunks only. */
const compactAboveBytes = 4 << 20;

/**
 * The lengths of the chunks from `offset` on; a chunk that is not ended within the span is left to the next request.
 * @throws SourceFailure
 */
export function findCuts(context: WorkerContext, { fd, path, offset, spanBytes }: CutRequest): ArchiveResponse {
  const { chunker } = context;
  const { buffer } = chunker;
  const lengths: number[] = [];
  let start = 0;
  let end = 0;
  let position = offset;
  let seen = 0;
  let isEnd = false;
  while (!isEnd && (position - offset < spanBytes || lengths.length === 0)) {
    if (end > compactAboveBytes && start > 0) {
      buffer.copyWithin(0, start, end);
      end -= start;
      start = 0;
    }
    const count = readAt(context, { fd, path }, buffer.subarray(end, end + pieceBytes), position);
    end += count;
    position += count;
    isEnd = count === 0;
    for (let cut = start === end ? 0 : chunker.nextCut(start, end - start, isEnd, seen); cut > 0; ) {
      lengths.push(cut);
      start += cut;
      cut = start === end ? 0 : chunker.nextCut(start, end - start, isEnd);
    }
    seen = end - start;
  }
  return { kind: 'cuts', lengths, isEnd };
}

/** Stores consecutive chunks, unless the file has shrunk since they were cut. @throws SourceFailure */
export function storeChunks(context: WorkerContext, { fd, path, offset, lengths }: ChunksRequest): ArchiveResponse {
  const { buffer } = context.chunker;
  const before = context.counters.dataAdded();
  const ids: BlobId[] = [];
  let position = offset;
  for (const length of lengths) {
    const chunk = buffer.subarray(0, length);
    for (let done = 0; done < length; ) {
      const count = readAt(context, { fd, path }, chunk.subarray(done), position + done);
      if (count === 0) return { kind: 'shrunk' };
      done += count;
    }
    ids.push(context.store.save(dataBlob, chunk));
    position += length;
  }
  return { kind: 'blobs', ids, ...context.counters.dataAdded(before) };
}

function readAt({ libc }: WorkerContext, file: OpenFile, target: Uint8Array, position: number): number {
  const count = libc.pread(file.fd, target, target.length, position);
  if (count < 0) throw new SourceFailure(posixError('read', printablePath(file.path), count));
  return count;
}
