/**
 * zstd on the library inside the node process. A context serves all calls: 13 us for a blob of 4 KB against 37 us and more through node:zlib.
 * Source: zstd.h of 1.5. A `size_t` result is read as signed: errors are `(size_t)-code`, hence negative.
 */
import type { LibraryHandle } from 'koffi';
import { HoldfastError } from '../base/errors.ts';
import type { NativePointer } from '../base/process-symbols.ts';
import { damagedFrame, parameterEntries, type Zstd, type ZstdEncoder, type ZstdParameters } from './zstd.ts';

interface Libzstd {
  createEncoder(): NativePointer | null;
  freeEncoder(context: NativePointer): number;
  setParameter(context: NativePointer, parameter: number, value: number): number;
  compress(context: NativePointer, target: Uint8Array, capacity: number, plain: Uint8Array, length: number): number;
  decoderSize(): number;
  initDecoder(workspace: Uint8Array, size: number): NativePointer | null;
  decompress(context: NativePointer, target: Uint8Array, capacity: number, frames: Uint8Array, length: number): number;
  contentBound(frames: Uint8Array, length: number): number | bigint;
}

/** `ZSTD_cParameter`. */
const parameterNumbers = { level: 100, hashLog: 102, chainLog: 103, minMatch: 105, strategy: 107 } as const;
/** `ZSTD_error_dstSize_tooSmall`, as a negative result. */
const targetTooSmall = -70;

const openedByLibrary = new WeakMap<LibraryHandle, Zstd>();

/** Undefined where the process exports no libzstd. */
export function openLibzstd(symbols: LibraryHandle): Zstd | undefined {
  try {
    const opened = openedByLibrary.get(symbols) ?? bindZstd(symbols);
    openedByLibrary.set(symbols, opened);
    return opened;
  } catch {
    return undefined;
  }
}

function bindZstd(symbols: LibraryHandle): Zstd {
  const library = bindLibzstd(symbols);
  const decoder = new LibzstdDecoder(library);
  return {
    createEncoder: (parameters) => new LibzstdEncoder(library, parameters),
    decode: (frames, target) => decoder.decode(frames, target),
    decodeUnknown: (frames, maxBytes) => decoder.decodeUnknown(frames, maxBytes),
  };
}

/** Frees the contexts of encoders that were forgotten instead of closed. */
const contexts = new FinalizationRegistry<() => void>((free) => {
  free();
});

class LibzstdEncoder implements ZstdEncoder {
  readonly #library: Libzstd;
  #context: NativePointer | undefined;

  constructor(library: Libzstd, parameters: ZstdParameters) {
    const context = library.createEncoder();
    if (context === null) throw new HoldfastError('internal', 'there is no memory for a zstd context');
    this.#library = library;
    this.#context = context;
    contexts.register(this, () => library.freeEncoder(context), this);
    for (const [name, value] of parameterEntries(parameters)) this.#set(name, value);
  }

  encode(plain: Uint8Array, target: Uint8Array): number {
    const written = this.#library.compress(this.#openContext(), target, target.length, plain, plain.length);
    if (written === targetTooSmall) return 0;
    if (written < 0) throw new HoldfastError('internal', 'zstd failed to compress', { context: { zstdError: -written } });
    return written;
  }

  close(): void {
    if (this.#context === undefined) return;
    contexts.unregister(this);
    this.#library.freeEncoder(this.#context);
    this.#context = undefined;
  }

  #set(name: keyof ZstdParameters, value: number): void {
    const result = this.#library.setParameter(this.#openContext(), parameterNumbers[name], value);
    if (result < 0) throw new HoldfastError('internal', `zstd does not take ${value} for ${name}`);
  }

  #openContext(): NativePointer {
    if (this.#context === undefined) throw new HoldfastError('internal', 'a zstd encoder was used after it was closed');
    return this.#context;
  }
}

class LibzstdDecoder {
  readonly #library: Libzstd;
  /** The context lives in memory of JavaScript, so that it goes when the thread goes, with nobody to free it. */
  readonly #workspace: Buffer;
  readonly #context: NativePointer;

  constructor(library: Libzstd) {
    this.#library = library;
    this.#workspace = Buffer.allocUnsafeSlow(library.decoderSize());
    const context = library.initDecoder(this.#workspace, this.#workspace.length);
    if (context === null) throw new HoldfastError('internal', 'zstd refused the memory for its decoder');
    this.#context = context;
  }

  decode(frames: Uint8Array, target: Uint8Array): number {
    if (frames.length === 0) throw damagedFrame('it is empty');
    const length = this.#library.decompress(this.#context, target, target.length, frames, frames.length);
    if (length === targetTooSmall) throw damagedFrame(`the content is longer than ${target.length} bytes`);
    if (length < 0) throw damagedFrame(`zstd error ${-length}`);
    return length;
  }

  decodeUnknown(frames: Uint8Array, maxBytes: number): Buffer {
    const bound = this.#library.contentBound(frames, frames.length);
    if (bound < 0) throw damagedFrame('its header is not one of zstd');
    // Memory that zstd does not write to is never touched: a header that lies about the length costs address space only.
    const target = Buffer.allocUnsafeSlow(Math.min(Number(bound), maxBytes));
    const length = this.decode(frames, target);
    return length === target.length ? target : Buffer.from(target.subarray(0, length));
  }
}

/** @throws Error of koffi when a symbol is missing */
function bindLibzstd(symbols: LibraryHandle): Libzstd {
  const address = 'void *';
  const result = 'intptr_t';
  const bind = (name: string, type: string, parameters: string[]): unknown => symbols.func(name, type, parameters);
  return {
    createEncoder: bind('ZSTD_createCCtx', address, []),
    freeEncoder: bind('ZSTD_freeCCtx', result, [address]),
    setParameter: bind('ZSTD_CCtx_setParameter', result, [address, 'int', 'int']),
    compress: bind('ZSTD_compress2', result, [address, address, 'size_t', address, 'size_t']),
    decoderSize: bind('ZSTD_estimateDCtxSize', result, []),
    initDecoder: bind('ZSTD_initStaticDCtx', address, [address, 'size_t']),
    decompress: bind('ZSTD_decompressDCtx', result, [address, address, 'size_t', address, 'size_t']),
    contentBound: bind('ZSTD_decompressBound', 'int64_t', [address, 'size_t']),
  } as Libzstd;
}
