/** Times of files as the kernel takes them: pairs of seconds and nanoseconds, the latter counting forward always. */

const nanosecondsPerSecond = 1_000_000_000n;

/** In place of the nanoseconds (linux/stat.h): leave that time as it is. */
const utimeOmit = (1n << 30n) - 2n;

/** Two of struct timespec. */
export const timespecsSizeBytes = 32;

/**
 * Writes access and modification time for `utimensAt` and `futimens`.
 *
 * @param target 32 bytes
 * @param accessNs nanoseconds since 1970, negative before; undefined leaves that time as it is
 */
export function writeTimespecs(target: Uint8Array, accessNs: bigint | undefined, modifyNs: bigint | undefined): void {
  const view = new DataView(target.buffer, target.byteOffset, timespecsSizeBytes);
  writeTimespec(view, 0, accessNs);
  writeTimespec(view, 16, modifyNs);
}

function writeTimespec(view: DataView, offset: number, timeNs: bigint | undefined): void {
  const time = timeNs ?? 0n;
  const remainder = time % nanosecondsPerSecond;
  const nanoseconds = remainder < 0n ? remainder + nanosecondsPerSecond : remainder;
  view.setBigInt64(offset, (time - nanoseconds) / nanosecondsPerSecond, true);
  view.setBigInt64(offset + 8, timeNs === undefined ? utimeOmit : nanoseconds, true);
}
