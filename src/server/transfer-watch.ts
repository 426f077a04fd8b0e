/**
 * Ends connections of clients that take or give next to nothing while a file is on its way: a client that stands still, and one that
 * sends a byte now and then to seem alive. Until then each costs its socket and a few buffers.
 */
export interface CountedSocket {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  destroy(): unknown;
}

interface Transfer {
  readonly socket: CountedSocket;
  movedBytes: number;
}

/** Over any link that a backup can use, more than this goes through in the time. */
const leastBytes = 4096;

export class TransferWatch {
  readonly #transfers = new Set<Transfer>();
  readonly #timer: NodeJS.Timeout;

  /** @param stallMs in each span of this length some bytes must move */
  constructor(stallMs: number) {
    this.#timer = setInterval(() => this.#look(), stallMs);
    this.#timer.unref();
  }

  /** Guards the socket until what it returns is disposed. */
  guard(socket: CountedSocket): Disposable {
    // It came in the middle of a span: only the next whole one counts against it.
    const transfer = { socket, movedBytes: Number.NEGATIVE_INFINITY };
    this.#transfers.add(transfer);
    return { [Symbol.dispose]: () => void this.#transfers.delete(transfer) };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const transfer of this.#transfers) {
      const moved = transfer.socket.bytesRead + transfer.socket.bytesWritten;
      if (moved - transfer.movedBytes < leastBytes) transfer.socket.destroy();
      transfer.movedBytes = moved;
    }
  }
}
