/**
 * The server as a whole: listeners, the service behind them, counters, access log, and the clean-up of the trash.
 *
 * It ends in order: no new connections, no new requests, those under way are finished, and only whoever takes longer than the grace time
 * is cut off. What a cut leaves is a file in a folder for unfinished uploads, which nobody lists.
 */
import type { Clock } from '../base/clock.ts';
import { asHoldfastError } from '../base/errors.ts';
import type { Backend } from '../storage/backend.ts';
import type { AccessLog } from './access-log.ts';
import type { Authentication } from './authentication.ts';
import type { Exchange } from './exchange.ts';
import type { ListenAddress } from './listen-address.ts';
import { Listener, type TlsFiles } from './listener.ts';
import { MetricsListener } from './metrics-listener.ts';
import { ServerMetrics } from './metrics.ts';
import { type Observers, serveObserved } from './observed-service.ts';
import { RepositoryService } from './repository-service.ts';
import { StdioListener, type StdioListenerOptions } from './stdio-listener.ts';
import { emptyDueTrash } from './trash-sweep.ts';
import { TransferWatch } from './transfer-watch.ts';

export interface RepositoryServerOptions {
  readonly root: string;
  readonly openFolder: (folder: string) => Backend;
  readonly authentication: Authentication;
  readonly clock: Clock;
  readonly keepFreeBytes: number;
  readonly addresses: readonly ListenAddress[];
  /** For addresses of networks; a Unix socket is in the clear. */
  readonly tls?: TlsFiles | undefined;
  readonly stdio?: Pick<StdioListenerOptions, 'input' | 'output'> | undefined;
  /** Removes what is due from the trash of all repositories below the root, now and then. */
  readonly emptiesTrash: boolean;
  readonly metricsAddress?: ListenAddress | undefined;
  readonly log?: AccessLog | undefined;
  /** For whoever runs the server. */
  readonly onFailure: (message: string) => void;
  readonly maxConnections?: number | undefined;
  /** In each span of this length a transfer must move; a minute unless told. */
  readonly stallMs?: number | undefined;
  /** As in ListenerOptions. */
  readonly headMs?: number | undefined;
}

/** With a few hundred KB each: what a machine of 1 GB can bear. */
const defaultMaxConnections = 2048;
const defaultStallMs = 60_000;
const sweepMs = 3_600_000;
/** A pack over a slow link takes its time. */
export const defaultGraceMs = 30_000;

export class RepositoryServer {
  readonly #options: RepositoryServerOptions;
  readonly #service: RepositoryService;
  readonly #metrics = new ServerMetrics();
  readonly #watch: TransferWatch;
  readonly #listeners: Listener[] = [];
  readonly #running = new Set<Promise<void>>();
  #metricsListener: MetricsListener | undefined;
  #stdio: StdioListener | undefined;
  #sweep: NodeJS.Timeout | undefined;

  /** @throws HoldfastError `usage` where it is not possible to listen */
  static async start(options: RepositoryServerOptions): Promise<RepositoryServer> {
    const server = new RepositoryServer(options);
    try {
      await server.#listen();
    } catch (error) {
      await server.stop(0);
      throw error;
    }
    if (options.emptiesTrash) server.#beginSweeping();
    return server;
  }

  private constructor(options: RepositoryServerOptions) {
    this.#options = options;
    this.#service = new RepositoryService(options);
    this.#watch = new TransferWatch(options.stallMs ?? defaultStallMs);
  }

  /** Where it listens, as in `https://127.0.0.1:8000`. */
  get addresses(): string[] {
    return this.#listeners.map(({ description }) => description);
  }

  get metricsAddress(): string | undefined {
    return this.#metricsListener?.description;
  }

  /** Resolves when the client on standard input has gone; never without one. */
  async stdioEnded(): Promise<void> {
    if (this.#stdio === undefined) await new Promise(() => {});
    await this.#stdio?.ended;
  }

  replaceTls(tls: TlsFiles): void {
    for (const listener of this.#listeners) listener.replaceTls(tls);
  }

  /** Where another program has moved the access log away. */
  reopenLog(): void {
    this.#options.log?.reopen();
  }

  async stop(graceMs: number): Promise<void> {
    clearInterval(this.#sweep);
    this.#service.refuseAll();
    const ended = Promise.all([...this.#listeners.map((listener) => listener.stop()), this.#finished()]);
    this.#stdio?.stop();
    const timer = setTimeout(() => this.#cut(), graceMs);
    await ended;
    clearTimeout(timer);
    this.#stdio?.cut();
    this.#watch.close();
    await this.#metricsListener?.stop();
    await this.#service.close();
    await this.#options.log?.close();
  }

  async #listen(): Promise<void> {
    const { addresses, tls, stdio, maxConnections = defaultMaxConnections, headMs, metricsAddress } = this.#options;
    const onExchange = (exchange: Exchange): void => this.#serve(exchange);
    const onConnections = (change: 1 | -1): void => void (this.#metrics.connections += change);
    for (const address of addresses) {
      const own = address.kind === 'tcp' ? tls : undefined;
      const shared = { address, tls: own, maxConnections, headMs, watch: this.#watch };
      this.#listeners.push(await Listener.start({ ...shared, onExchange, onConnections }));
    }
    if (metricsAddress !== undefined) this.#metricsListener = await MetricsListener.start(metricsAddress, () => this.#renderMetrics());
    if (stdio !== undefined) this.#stdio = new StdioListener({ ...stdio, onExchange });
  }

  #serve(exchange: Exchange): void {
    const { clock, log, onFailure } = this.#options;
    const observers: Observers = { metrics: this.#metrics, log, clock, onFailure };
    const work = serveObserved(this.#service, exchange, observers).catch((error: unknown) => onFailure(asHoldfastError(error).message));
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  async #finished(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #cut(): void {
    for (const listener of this.#listeners) listener.cut();
    this.#stdio?.cut();
  }

  #renderMetrics(): string {
    return this.#metrics.render(this.#service.usages().map(({ client, usage }) => ({ client, used: usage.known })));
  }

  #beginSweeping(): void {
    const sweep = async (): Promise<void> => {
      const { root, clock, onFailure } = this.#options;
      await emptyDueTrash(root, clock).catch((error: unknown) => onFailure(`the trash: ${asHoldfastError(error).message}`));
    };
    void sweep();
    this.#sweep = setInterval(() => void sweep(), sweepMs);
    this.#sweep.unref();
  }
}
