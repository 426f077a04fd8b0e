/**
 * Reads struct statx (linux/stat.h): 256 bytes, the same layout on every machine, little-endian on x64 and arm64.
 *
 * One `FileStat` serves a whole walk: its `bytes` are handed to `statxAt`, its getters decode what the call left there.
 */

const statxSizeBytes = 256;

const offsets = {
  blockSize: 4,
  nlink: 16,
  uid: 20,
  gid: 24,
  mode: 28,
  ino: 32,
  size: 40,
  blocks: 48,
  atime: 64,
  ctime: 96,
  mtime: 112,
  rdevMajor: 128,
  rdevMinor: 132,
  devMajor: 136,
  devMinor: 140,
} as const;

/** The kernel's and Go's 64-bit values: a number as long as it is exact, else a bigint. Both print the same digits. */
export type Exact = number | bigint;

export class FileStat {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  /** @param bytes 256 bytes of the caller's, shared memory too; fresh ones by default */
  constructor(bytes: Uint8Array = new Uint8Array(statxSizeBytes)) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, statxSizeBytes);
  }

  /** Type and permissions: compare `mode & S_IFMT` with S_IF*. */
  get mode(): number {
    return this.#view.getUint16(offsets.mode, true);
  }

  get uid(): number {
    return this.#view.getUint32(offsets.uid, true);
  }

  get gid(): number {
    return this.#view.getUint32(offsets.gid, true);
  }

  get linkCount(): number {
    return this.#view.getUint32(offsets.nlink, true);
  }

  get inode(): Exact {
    return readUint64(this.#view, offsets.ino);
  }

  /** Exact: no Linux file system holds files of 2^53 bytes. */
  get sizeBytes(): number {
    return readUint53(this.#view, offsets.size);
  }

  /** In units of 512 bytes; less than the size for a file with holes. */
  get blocks(): number {
    return readUint53(this.#view, offsets.blocks);
  }

  get blockSizeBytes(): number {
    return this.#view.getUint32(offsets.blockSize, true);
  }

  /** st_dev: the device that holds the file. */
  get deviceId(): Exact {
    return makeDev(this.#view.getUint32(offsets.devMajor, true), this.#view.getUint32(offsets.devMinor, true));
  }

  /** st_rdev: the device that the file stands for; 0 when it is none. */
  get device(): Exact {
    return makeDev(this.#view.getUint32(offsets.rdevMajor, true), this.#view.getUint32(offsets.rdevMinor, true));
  }

  /** Seconds since 1970, negative before; together with `...Nanoseconds`, which always count forward. */
  get accessSeconds(): number {
    return readInt53(this.#view, offsets.atime);
  }

  get accessNanoseconds(): number {
    return this.#view.getUint32(offsets.atime + 8, true);
  }

  get modifySeconds(): number {
    return readInt53(this.#view, offsets.mtime);
  }

  get modifyNanoseconds(): number {
    return this.#view.getUint32(offsets.mtime + 8, true);
  }

  get changeSeconds(): number {
    return readInt53(this.#view, offsets.ctime);
  }

  get changeNanoseconds(): number {
    return this.#view.getUint32(offsets.ctime + 8, true);
  }
}

const twoTo32 = 0x1_0000_0000;

function readUint64(view: DataView, offset: number): Exact {
  const high = view.getUint32(offset + 4, true);
  return high < 0x20_0000 ? high * twoTo32 + view.getUint32(offset, true) : view.getBigUint64(offset, true);
}

function readUint53(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * twoTo32 + view.getUint32(offset, true);
}

function readInt53(view: DataView, offset: number): number {
  return view.getInt32(offset + 4, true) * twoTo32 + view.getUint32(offset, true);
}

/**
 * A device number as glibc and musl encode it (sys/sysmacros.h), which is also what restic stores:
 * major bits 31-12 | minor bits 31-8 | major bits 11-0 | minor bits 7-0, from the highest bit down.
 */
export function makeDev(major: number, minor: number): Exact {
  const low = (minor & 0xff) + (major & 0xfff) * 0x100 + (minor >>> 8) * 0x10_0000;
  const high = major >>> 12;
  // 32 bits are left for bits 44-63; below 2^53 (majors under 2^21) numbers are exact.
  return high < 0x200 ? high * 2 ** 44 + low : (BigInt(high) << 44n) + BigInt(low);
}

export function majorOf(device: Exact): number {
  const bits = BigInt(device);
  return Number(((bits >> 32n) & 0xffff_f000n) | ((bits >> 8n) & 0xfffn));
}

export function minorOf(device: Exact): number {
  const bits = BigInt(device);
  return Number(((bits >> 12n) & 0xffff_ff00n) | (bits & 0xffn));
}
