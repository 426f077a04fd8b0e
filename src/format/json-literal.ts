/** Texts that a JsonScanner expects. */

/** A text of four bytes at least, prepared for comparing four bytes at once. */
export class Literal {
  readonly length: number;
  readonly words: Uint32Array;
  readonly lastWord: number;

  constructor(text: string) {
    const bytes = Buffer.from(text);
    this.length = bytes.length;
    this.words = Uint32Array.from({ length: bytes.length >> 2 }, (_word, index) => bytes.readUInt32LE(index * 4));
    this.lastWord = bytes.readUInt32LE(bytes.length - 4);
  }
}

export const nullLiteral = new Literal('null');
export const trueLiteral = new Literal('true');
export const falseLiteral = new Literal('false');
