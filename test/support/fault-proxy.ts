/** A TCP proxy on this machine that, once armed, does to the bytes between a client and a server what a bad line does. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** `up` is towards the server. */
export type Direction = 'up' | 'down';

/** Comes true when more than `afterBytes` have gone in this direction since the proxy was armed, on whichever connection that is. */
export interface LineFault {
  /** A stall lasts until the proxy is disarmed: the connection stays open, and nothing moves on it. */
  readonly kind: 'reset' | 'stall' | 'delay';
  readonly direction: Direction;
  readonly afterBytes: number;
  /** Of a delay. */
  readonly ms?: number;
}

interface Connection {
  readonly client: Socket;
  readonly target: Socket;
  /** What it has carried. */
  bytes: number;
}

export interface FaultProxyOptions {
  /** No connection stalls before it has carried so much. */
  readonly loginBytes?: number;
}

export class FaultProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #loginBytes: number;
  readonly #connections = new Set<Connection>();
  #armed: LineFault[] = [];
  #fired: LineFault[] = [];
  #passedBytes: Record<Direction, number> = { up: 0, down: 0 };

  static async start(targetPort: number, options: FaultProxyOptions = {}): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort, options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  private constructor(targetPort: number, { loginBytes = 0 }: FaultProxyOptions) {
    this.#loginBytes = loginBytes;
    // With Nagle's delay every small question would take 40 ms more.
    this.#server = createServer({ noDelay: true }, (client) => {
      const connection = { client, target: connect({ port: targetPort, host: '127.0.0.1', noDelay: true }), bytes: 0 };
      this.#connections.add(connection);
      this.#pump(connection, 'up');
      this.#pump(connection, 'down');
    });
  }

  get port(): number {
    const bound = this.#server.address();
    if (typeof bound !== 'object' || bound === null) throw new Error('the proxy does not listen');
    return bound.port;
  }

  /** Bytes are counted from here on. */
  arm(faults: readonly LineFault[]): void {
    this.#armed = [...faults];
    this.#fired = [];
    this.#passedBytes = { up: 0, down: 0 };
  }

  /** Ends all connections, also those that stand still. @returns what came true */
  disarm(): readonly LineFault[] {
    this.#armed = [];
    for (const connection of this.#connections) this.#reset(connection);
    return this.#fired;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disarm();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pump(connection: Connection, direction: Direction): void {
    const [from, to] = direction === 'up' ? [connection.client, connection.target] : [connection.target, connection.client];
    from.on('data', (bytes: Buffer) => {
      const fault = this.#faultWithin(connection, direction, bytes.length);
      if (fault === undefined) this.#pass(bytes, from, to);
      else this.#apply(fault, connection, bytes, from, to);
    });
    from.on('error', () => {});
    from.on('close', (isBroken) => {
      this.#connections.delete(connection);
      if (isBroken) to.resetAndDestroy();
      else to.destroySoon();
    });
  }

  #pass(bytes: Uint8Array, from: Socket, to: Socket): void {
    if (to.write(bytes)) return;
    from.pause();
    to.once('drain', () => from.resume());
  }

  #faultWithin(connection: Connection, direction: Direction, count: number): LineFault | undefined {
    const isLogin = connection.bytes < this.#loginBytes;
    connection.bytes += count;
    this.#passedBytes[direction] += count;
    const isDue = ({ kind, direction: wanted, afterBytes }: LineFault): boolean =>
      wanted === direction && afterBytes < this.#passedBytes[direction] && !(isLogin && kind === 'stall');
    const fault = this.#armed.find(isDue);
    if (fault === undefined) return undefined;
    this.#armed = this.#armed.filter((armed) => armed !== fault);
    this.#fired.push(fault);
    return fault;
  }

  /** Up to the byte that was named everything arrives. */
  #apply({ kind, direction, afterBytes, ms }: LineFault, connection: Connection, bytes: Buffer, from: Socket, to: Socket): void {
    if (kind === 'delay') {
      from.pause();
      setTimeout(() => {
        from.resume();
        if (to.writable) this.#pass(bytes, from, to);
      }, ms).unref();
      return;
    }
    const lastBytes = bytes.subarray(0, Math.max(0, afterBytes - (this.#passedBytes[direction] - bytes.length)));
    for (const socket of [connection.client, connection.target]) socket.pause().removeAllListeners('drain');
    if (kind === 'stall') to.write(lastBytes);
    else to.write(lastBytes, () => this.#reset(connection));
  }

  #reset({ client, target }: Connection): void {
    client.resetAndDestroy();
    target.resetAndDestroy();
  }
}
