/**
 * A bounded number of SFTP channels over one connection, opened when they are needed, each used by one call at a time: a sync that the server
 * takes long over holds up nobody else's. A connection that broke is made anew by the next call.
 */
import { cancellationOf, throwIfCancelled } from '../../base/cancellation.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { SftpChannel } from './sftp-channel.ts';
import { ChannelRefused, noSession, type SftpConnection } from './sftp-connection.ts';

export interface PoolOptions {
  readonly connect: () => Promise<SftpConnection>;
  readonly location: string;
  readonly channels: number;
}

export interface UseOptions {
  readonly signal?: AbortSignal | undefined;
  /** Does not wait behind others: a lock must be renewed in time, however many packs are on their way. */
  readonly isUrgent?: boolean;
}

/** Locks are beyond the limit, as in restic. */
const urgentChannels = 1;

export class ChannelPool {
  readonly #options: PoolOptions;
  readonly #idle: SftpChannel[] = [];
  readonly #waiting: { readonly isUrgent: boolean; readonly wake: () => void }[] = [];
  #live: SftpConnection | undefined;
  #connecting: Promise<SftpConnection> | undefined;
  #limit: number;
  /** Calls that were begun and have not ended. */
  #callCount = 0;
  /** Channels that are open or being opened. */
  #count = 0;
  #isClosed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#limit = options.channels;
  }

  /** Runs work on a channel of its own. A signal that fires ends the work by way of the channel, which is not used again. */
  async use<T>(work: (channel: SftpChannel) => Promise<T>, options: UseOptions = {}): Promise<T> {
    if (this.#callCount++ === 0) this.#live?.hold(true);
    try {
      return await this.#useChannel(work, options);
    } finally {
      if (--this.#callCount === 0 && !this.#isClosed) this.#live?.hold(false);
    }
  }

  async #useChannel<T>(work: (channel: SftpChannel) => Promise<T>, { signal, isUrgent = false }: UseOptions): Promise<T> {
    const channel = await this.#take(isUrgent, signal);
    const cancel = (): void => {
      if (signal !== undefined) channel.fail(cancellationOf(signal));
    };
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted === true) cancel();
    try {
      return await work(channel);
    } finally {
      signal?.removeEventListener('abort', cancel);
      this.#giveBack(channel);
    }
  }

  /** True where a call would need no new connection. */
  get isConnected(): boolean {
    return this.#live?.isOpen === true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#idle.length = 0;
    this.#live?.close();
    await this.#connecting?.then(
      (connection) => connection.close(),
      () => {},
    );
  }

  async #take(isUrgent: boolean, signal: AbortSignal | undefined): Promise<SftpChannel> {
    for (;;) {
      throwIfCancelled(signal);
      const idle = this.#takeIdle();
      if (idle !== undefined) return idle;
      if (this.#count < this.#limit + (isUrgent ? urgentChannels : 0)) {
        const opened = await this.#open(signal);
        if (opened !== undefined) return opened;
      } else await this.#wait(isUrgent, signal);
    }
  }

  #takeIdle(): SftpChannel | undefined {
    for (let channel = this.#idle.pop(); channel !== undefined; channel = this.#idle.pop()) {
      if (channel.isUsable) return channel;
      this.#count--;
    }
    return undefined;
  }

  /** Undefined: the server wants no more channels than there are, and one of them will be free. */
  async #open(signal: AbortSignal | undefined): Promise<SftpChannel | undefined> {
    const opening = this.#startChannel();
    try {
      return await orCancelled(opening, signal);
    } catch (error) {
      // Nobody waits for it any more; somebody else may use it.
      if (signal?.aborted === true) void opening.then((channel) => this.#giveBack(channel)).catch(() => {});
      if (!(error instanceof ChannelRefused)) throw error;
      if (this.#count === 0) throw noSession(this.#options.location, error.message, false, error);
      this.#limit = Math.min(this.#limit, this.#count);
      return undefined;
    }
  }

  async #startChannel(): Promise<SftpChannel> {
    this.#count++;
    try {
      return await (await this.#connected()).openChannel();
    } catch (error) {
      this.#count--;
      this.#wakeNext();
      throw error;
    }
  }

  /** All that need a connection at once wait for the same one. */
  async #connected(): Promise<SftpConnection> {
    if (this.#live?.isOpen === true) return this.#live;
    this.#connecting ??= this.#options.connect().finally(() => {
      this.#connecting = undefined;
    });
    const connection = await this.#connecting;
    if (this.#isClosed) connection.close();
    this.#live = connection;
    return connection;
  }

  #giveBack(channel: SftpChannel): void {
    if (this.#isClosed) channel.fail(new HoldfastError('internal', 'the backend is closed'));
    if (channel.isUsable) this.#idle.push(channel);
    else this.#count--;
    this.#wakeNext();
  }

  async #wait(isUrgent: boolean, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const place = { isUrgent, wake: resolve };
    this.#waiting.push(place);
    try {
      await orCancelled(promise, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(place);
      if (at >= 0) this.#waiting.splice(at, 1);
      // It was this one's turn in the very moment: it is the next one's.
      else this.#wakeNext();
      throw error;
    }
  }

  #wakeNext(): void {
    const urgent = this.#waiting.findIndex(({ isUrgent }) => isUrgent);
    const [next] = this.#waiting.splice(Math.max(0, urgent), 1);
    next?.wake();
  }
}

/** What the work gives, or `cancelled` as soon as the signal fires. */
async function orCancelled<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  const { promise, reject } = Promise.withResolvers<never>();
  const cancel = (): void => reject(cancellationOf(signal));
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
