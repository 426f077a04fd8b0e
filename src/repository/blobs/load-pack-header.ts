/** The list of blobs that a pack carries at its end. */
import { type Sealer, sealOverhead } from '../../crypto/sealer.ts';
import { decodeHeader, headerLengthFieldBytes, type LocatedBlob, readHeaderLength } from '../../format/pack-header.ts';
import type { Backend, CallOptions } from '../../storage/backend.ts';

/** Bytes that are read at once: the headers of most packs lie in them as a whole, so that one request to the storage is enough. */
const usualTailBytes = 4096;

/**
 * @param sizeBytes of the pack, as the storage has it
 * @throws HoldfastError `damaged` when the header cannot be right, `storage-*`
 */
export async function loadPackHeader(
  backend: Backend,
  sealer: Sealer,
  pack: { readonly id: string; readonly sizeBytes: number },
  { signal }: CallOptions = {},
): Promise<LocatedBlob[]> {
  const file = { kind: 'pack', name: pack.id } as const;
  const tailLength = Math.min(usualTailBytes, pack.sizeBytes);
  const tail = await backend.load(file, { offset: pack.sizeBytes - tailLength, length: tailLength, signal });
  const sealedLength = readHeaderLength(tail, pack.sizeBytes);
  const start = pack.sizeBytes - headerLengthFieldBytes - sealedLength;
  const isInTail = sealedLength + headerLengthFieldBytes <= tailLength;
  const sealed = isInTail
    ? tail.subarray(tailLength - headerLengthFieldBytes - sealedLength, tailLength - headerLengthFieldBytes)
    : await backend.load(file, { offset: start, length: sealedLength, signal });
  const header = Buffer.allocUnsafe(Math.max(0, sealed.length - sealOverhead));
  sealer.unseal(sealed, header);
  return decodeHeader(header);
}
