/** zstd on the public interface of Node: for processes whose own libzstd is out of reach. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { damagedFrame, parameterEntries, type Zstd, type ZstdEncoder, type ZstdParameters } from './zstd.ts';

const parameterNumbers = {
  level: constants.ZSTD_c_compressionLevel,
  hashLog: constants.ZSTD_c_hashLog,
  chainLog: constants.ZSTD_c_chainLog,
  minMatch: constants.ZSTD_c_minMatch,
  strategy: constants.ZSTD_c_strategy,
} as const;

export const nodeZstd: Zstd = {
  createEncoder: (parameters) => new NodeZstdEncoder(parameters),
  decode: (frames, target) => {
    const content = decodeFrames(frames, target.length);
    target.set(content, 0);
    return content.length;
  },
  decodeUnknown: decodeFrames,
};

class NodeZstdEncoder implements ZstdEncoder {
  readonly #params: Record<number, number> = {};

  constructor(parameters: ZstdParameters) {
    for (const [name, value] of parameterEntries(parameters)) this.#params[parameterNumbers[name]] = value;
  }

  encode(plain: Uint8Array, target: Uint8Array): number {
    // Without the pledged size the frame would not carry its content's length.
    const frame = zstdCompressSync(plain, { params: this.#params, pledgedSrcSize: plain.length });
    if (frame.length > target.length) return 0;
    target.set(frame, 0);
    return frame.length;
  }

  close(): void {
    // Every call had memory of its own; there is none to give back.
  }
}

function decodeFrames(frames: Uint8Array, maxBytes: number): Buffer {
  const contents: Buffer[] = [];
  let length = 0;
  let start = 0;
  do {
    const frame = decodeFirstFrame(frames.subarray(start), maxBytes - length);
    contents.push(frame.content);
    length += frame.content.length;
    start += frame.consumedBytes;
  } while (start < frames.length);
  if (length > maxBytes) throw damagedFrame(`the content is longer than ${maxBytes} bytes`);
  return contents.length === 1 && contents[0] ? contents[0] : Buffer.concat(contents, length);
}

interface DecodedFrame {
  readonly content: Buffer;
  readonly consumedBytes: number;
}

/** Node decodes the first frame only and silently passes over what follows; `info` tells where it stopped. */
function decodeFirstFrame(bytes: Uint8Array, maxBytes: number): DecodedFrame {
  try {
    // At least 1, for that is the least that Node takes: the caller checks the sum again.
    const decoded: unknown = zstdDecompressSync(bytes, { info: true, maxOutputLength: Math.max(1, maxBytes) });
    const { buffer, engine } = decoded as { buffer: Buffer; engine: { bytesWritten: number } };
    return { content: buffer, consumedBytes: engine.bytesWritten };
  } catch (cause) {
    throw damagedFrame(cause instanceof Error ? cause.message : String(cause), cause);
  }
}
