/** A TCP proxy on this machine that cuts connections after so many bytes, or lets nothing more through. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface ProxyRules {
  /** Bytes from the client after which the next connections are cut; each rule counts for one connection, then nothing is cut. */
  readonly cutsAfter?: readonly number[];
  /** Bytes from the client after which the first connection stands still for ever. */
  readonly stallsAfter?: number;
}

export class CuttingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections so far. */
  count = 0;

  static async start(targetPort: number, rules: ProxyRules = {}): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(targetPort, rules);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  private constructor(targetPort: number, { cutsAfter = [], stallsAfter }: ProxyRules) {
    this.#server = createServer((client) => {
      const limit = cutsAfter[this.count] ?? Number.POSITIVE_INFINITY;
      const stall = this.count === 0 ? (stallsAfter ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
      this.count++;
      const target = connect(targetPort, '127.0.0.1');
      this.#hold(client, target);
      this.#hold(target, client);
      let seen = 0;
      client.on('data', (bytes: Buffer) => {
        seen += bytes.length;
        if (seen > limit) client.resetAndDestroy();
        else if (seen <= stall) target.write(bytes);
      });
      target.on('data', (bytes: Buffer) => {
        if (seen <= stall) client.write(bytes);
      });
    });
  }

  get port(): number {
    const bound = this.#server.address();
    if (typeof bound !== 'object' || bound === null) throw new Error('the proxy does not listen');
    return bound.port;
  }

  /** Every connection that there is. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #hold(socket: Socket, other: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      other.destroy();
    });
  }
}
