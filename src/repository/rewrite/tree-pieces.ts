/** Puts a tree's blob together from nodes of another and new ones. */
import type { TreePiece } from './tree-edit.ts';

const treeStart = Buffer.from('{"nodes":[');
const treeEnd = Buffer.from(']}\n');
const comma = 0x2c;

/** @param plain the blob that spans among the pieces are about */
export function encodePieces(plain: Uint8Array, pieces: readonly TreePiece[]): Buffer {
  let length = treeStart.length + Math.max(0, pieces.length - 1) + treeEnd.length;
  for (const piece of pieces) length += piece instanceof Uint8Array ? piece.length : piece.end - piece.start;
  const target = Buffer.allocUnsafe(length);
  let at = treeStart.copy(target);
  pieces.forEach((piece, place) => {
    if (place > 0) target[at++] = comma;
    const text = piece instanceof Uint8Array ? piece : plain.subarray(piece.start, piece.end);
    target.set(text, at);
    at += text.length;
  });
  treeEnd.copy(target, at);
  return target;
}
