/** A logged-in connection to an SSH server, and those that it goes through. */
import type { Client, ClientChannel } from 'ssh2';
import { connectionError } from './ssh-errors.ts';
import type { Carrier } from './ssh-route.ts';

/** How long the other side may take to end the connection, when it is asked to. */
const farewellMs = 500;

export class SshLink {
  readonly client: Client;
  readonly #via: SshLink | undefined;
  readonly #carrier: Carrier;
  readonly #listeners: ((error: Error | undefined) => void)[] = [];
  #failure: Error | undefined;
  #isOpen = true;

  /** @param via the connection that carries this one; it ends with it */
  constructor(client: Client, carrier: Carrier, via: SshLink | undefined) {
    this.client = client;
    this.#carrier = carrier;
    this.#via = via;
    client.on('error', (error: Error) => {
      this.#failure ??= error;
    });
    // The other side sends no more: whoever asked for something now would be told that there is no connection.
    client.once('end', () => this.#ended());
    client.once('close', () => this.#ended());
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Called once, with what broke the connection. */
  onEnd(listener: (error: Error | undefined) => void): void {
    if (this.#isOpen) this.#listeners.push(listener);
    else listener(this.#failure);
  }

  /** A connection to another host, made by the server. */
  async forward(host: string, port: number): Promise<ClientChannel> {
    const { promise, resolve, reject } = Promise.withResolvers<ClientChannel>();
    try {
      this.client.forwardOut('127.0.0.1', 0, host, port, (error, channel) => (error === undefined ? resolve(channel) : reject(error)));
      return await promise;
    } catch (error) {
      throw connectionError(`connecting to ${host} port ${port} through another host`, error);
    }
  }

  /** Whether the process lives on for the sake of the connection. */
  hold(isHeld: boolean): void {
    this.#carrier.hold(isHeld);
  }

  end(): void {
    if (this.#carrier.stream.destroyed) return;
    this.hold(true);
    this.client.end();
    // The other side may be gone.
    const timer = setTimeout(() => this.destroy(), farewellMs);
    this.#carrier.stream.once('close', () => clearTimeout(timer));
  }

  destroy(error?: Error): void {
    this.#failure ??= error;
    this.client.destroy();
    // The client leaves alone what cannot be written any more; it could stay half open for ever.
    this.#carrier.stream.destroy();
    this.#via?.destroy();
    this.#ended();
  }

  #ended(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#via?.end();
    for (const listener of this.#listeners.splice(0)) listener(this.#failure);
  }
}
