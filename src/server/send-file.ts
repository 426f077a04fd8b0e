/** A file of a repository as an answer: the whole, or the one range of bytes that was asked for (RFC 9110, "Range"). */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { HoldfastError } from '../base/errors.ts';
import { type Exchange, answerText } from './exchange.ts';
import { Refusal } from './refusal.ts';

/** What is read from the disk at once, with what the socket holds all the memory that a download takes: much for few, little for many. */
const allPiecesBytes = 32 << 20;
const mostPieceBytes = 1 << 20;
const leastPieceBytes = 64 << 10;
let running = 0;

/** @throws HoldfastError, Refusal before anything was sent */
export async function sendFile(exchange: Exchange, path: string): Promise<void> {
  const { request, response } = exchange;
  // A pipe in the place of a file would never open.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const size = await sizeOf(handle);
    response.setHeader('Content-Type', 'application/octet-stream');
    response.setHeader('Accept-Ranges', 'bytes');
    if (request.method === 'HEAD') return sendHead(exchange, size);
    const range = parseRange(request.headers.range, size);
    if (range === 'impossible') return refuseRange(exchange, size);
    const { first, last } = range ?? { first: 0, last: size - 1 };
    if (range !== undefined) {
      response.statusCode = 206;
      response.setHeader('Content-Range', `bytes ${first}-${last}/${size}`);
    }
    response.setHeader('Content-Length', last - first + 1);
    await sendSpan(exchange, handle, first, last);
  } finally {
    await handle.close();
  }
}

async function sendSpan(exchange: Exchange, handle: FileHandle, first: number, last: number): Promise<void> {
  if (last < first) return void exchange.response.end();
  using _watch = exchange.watchTransfer();
  const share = Math.floor(allPiecesBytes / ++running);
  const highWaterMark = Math.max(leastPieceBytes, Math.min(mostPieceBytes, share));
  const source = handle.createReadStream({ start: first, end: last, highWaterMark, autoClose: false });
  try {
    await pipeline(source, exchange.response);
  } finally {
    running--;
    exchange.transferred.sent += source.bytesRead;
  }
}

function sendHead({ response }: Exchange, size: number): void {
  response.setHeader('Content-Length', size);
  response.end();
}

function refuseRange(exchange: Exchange, size: number): void {
  exchange.response.setHeader('Content-Range', `bytes */${size}`);
  answerText(exchange, 416, 'the file has no such bytes');
}

async function sizeOf(handle: FileHandle): Promise<number> {
  const found = await handle.stat();
  if (found.isFile()) return found.size;
  throw new HoldfastError('damaged', 'there is no file in the place of one');
}

/** Undefined for none, and for what we need not understand: several ranges, or other units. */
export function parseRange(text: string | undefined, size: number): { first: number; last: number } | 'impossible' | undefined {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text?.trim() ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  if (from === '') return Number(to) === 0 || size === 0 ? 'impossible' : { first: Math.max(0, size - Number(to)), last: size - 1 };
  const first = Number(from);
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== '' && Number(to) < first) return undefined;
  return first >= size ? 'impossible' : { first, last };
}

/** Named so that callers can tell it from other failures. */
export function isNotThere(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

export function missing(): Refusal {
  return new Refusal(404, 'missing', 'there is no such file');
}
