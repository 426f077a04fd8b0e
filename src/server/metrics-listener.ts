/** `/metrics` at an address of its own, so that who may read it is decided by who can reach it. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { HoldfastError } from '../base/errors.ts';
import { describeAddress, type ListenAddress } from './listen-address.ts';

const contentType = 'text/plain; version=0.0.4; charset=utf-8';
const headMs = 10_000;
const maxConnections = 32;

export class MetricsListener {
  readonly #server: Server;
  readonly description: string;

  /** @throws HoldfastError `usage` */
  static async start(address: ListenAddress, render: () => string): Promise<MetricsListener> {
    const server = createServer({ headersTimeout: headMs, requestTimeout: headMs }, (request, response) => {
      const isAsked = request.method === 'GET' && request.url?.split('?', 1)[0] === '/metrics';
      response.writeHead(isAsked ? 200 : 404, { 'Content-Type': contentType }).end(isAsked ? render() : '');
    });
    server.maxConnections = maxConnections;
    try {
      if (address.kind === 'unix') server.listen(address.path);
      else server.listen({ port: address.port, ...(address.host === undefined ? {} : { host: address.host }) });
      await once(server, 'listening');
    } catch (cause) {
      const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
      throw new HoldfastError('usage', `metrics cannot be had at ${describeAddress(address, false)}: ${reason}`, { cause });
    }
    const bound = server.address();
    const actual = address.kind === 'tcp' && typeof bound === 'object' && bound !== null ? { ...address, port: bound.port } : address;
    return new MetricsListener(server, `${describeAddress(actual, false)}/metrics`);
  }

  private constructor(server: Server, description: string) {
    this.#server = server;
    this.description = description;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
