/**
 * A link of a given delay and rate in front of a server on this machine, as a process of its own:
 * `node slow-link.ts PORT DELAY_MS BYTES_PER_SECOND` prints the port on which it listens. The delay is that of a round trip, half of it each
 * way; the rate is shared by all connections of a direction.
 */
import { connect, createServer, type Socket } from 'node:net';

/** What may be on its way in one direction of a connection before the sender is held back: more than rate times delay. */
const windowBytes = 2 << 20;

class Direction {
  readonly #delayMs: number;
  readonly #bytesPerMs: number;
  #freeAtMs = 0;

  constructor(delayMs: number, bytesPerSecond: number) {
    this.#delayMs = delayMs;
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  carry(from: Socket, to: Socket): void {
    const queue = new Queue();
    const later = (bytes: number, deliver: () => void): void => {
      this.#freeAtMs = Math.max(this.#freeAtMs, performance.now()) + bytes / this.#bytesPerMs;
      queue.add(this.#freeAtMs + this.#delayMs, deliver);
    };
    let underWay = 0;
    from.on('data', (bytes: Buffer) => {
      underWay += bytes.length;
      if (underWay > windowBytes) from.pause();
      later(bytes.length, () => {
        underWay -= bytes.length;
        if (underWay <= windowBytes) from.resume();
        if (to.writable) to.write(bytes);
      });
    });
    from.on('end', () => later(0, () => to.end()));
    from.on('error', () => to.destroy());
    from.on('close', () => later(0, () => to.end()));
  }
}

/** What is under way arrives in the order in which it was sent: timers alone do not promise that. */
class Queue {
  readonly #waiting: { readonly dueMs: number; readonly deliver: () => void }[] = [];

  add(dueMs: number, deliver: () => void): void {
    this.#waiting.push({ dueMs, deliver });
    if (this.#waiting.length === 1) this.#wait(dueMs);
  }

  #wait(dueMs: number): void {
    setTimeout(() => this.#deliverDue(), Math.max(0, dueMs - performance.now()));
  }

  #deliverDue(): void {
    // A timer may be early by less than a millisecond, or late by some.
    const nowMs = performance.now() + 0.5;
    const due = this.#waiting.findIndex(({ dueMs }) => dueMs > nowMs);
    for (const { deliver } of this.#waiting.splice(0, due < 0 ? this.#waiting.length : due)) deliver();
    const [next] = this.#waiting;
    if (next !== undefined) this.#wait(next.dueMs);
  }
}

const [port = '', delayMs = '', bytesPerSecond = ''] = process.argv.slice(2);
const [up, down] = [new Direction(Number(delayMs) / 2, Number(bytesPerSecond)), new Direction(Number(delayMs) / 2, Number(bytesPerSecond))];
const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const target = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  up.carry(client, target);
  down.carry(target, client);
});
server.listen(0, '127.0.0.1', () => {
  const bound = server.address();
  if (typeof bound !== 'object' || bound === null) throw new Error('the link does not listen');
  process.stdout.write(`${bound.port}\n`);
});
// Whoever started it has gone.
process.stdin.on('end', () => process.exit(0)).resume();
