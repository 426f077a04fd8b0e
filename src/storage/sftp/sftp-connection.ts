/** What channels are opened on: a connection of ssh2, or a command of the user's that speaks SFTP on its input and output. */
import type { SFTPWrapper } from 'ssh2';
import { HoldfastError } from '../../base/errors.ts';
import type { TransferPaces } from '../pace.ts';
import { SftpChannel } from './sftp-channel.ts';
import { brokenConnection, oneLine } from './ssh/ssh-errors.ts';
import type { SshLink } from './ssh/ssh-link.ts';

export interface SftpConnection {
  /** False when it broke: another one is needed. */
  readonly isOpen: boolean;
  /** @throws ChannelRefused, HoldfastError */
  openChannel(): Promise<SftpChannel>;
  /** Whether the process lives on for the sake of the connection: not while nothing is under way. */
  hold(isHeld: boolean): void;
  close(): void;
}

/** What ssh2 says where the connection ended, perhaps before it tells that of itself. */
const brokenWords = /^(?:Not connected|No response from server)$/;

/** The server wants no more channels on this connection. */
export class ChannelRefused extends Error {}

export interface ConnectionOptions {
  /** For people. */
  readonly location: string;
  readonly stallMs: number;
  readonly paces?: TransferPaces | undefined;
}

export class SshSftpConnection implements SftpConnection {
  readonly #link: SshLink;
  readonly #options: ConnectionOptions;
  readonly #channels = new Set<SftpChannel>();

  constructor(link: SshLink, options: ConnectionOptions) {
    this.#link = link;
    this.#options = options;
    link.onEnd((error) => {
      const failure = error instanceof HoldfastError ? error : brokenConnection(options.location, error);
      for (const channel of this.#channels) channel.fail(failure);
    });
  }

  get isOpen(): boolean {
    return this.#link.isOpen;
  }

  async openChannel(): Promise<SftpChannel> {
    const sftp = await this.#start();
    const channel = new SftpChannel(sftp, { ...this.#options, onStall: (error) => this.#link.destroy(error) });
    this.#channels.add(channel);
    const { location } = this.#options;
    sftp.on('error', (error: Error) => channel.fail(brokenConnection(location, error)));
    sftp.on('close', () => {
      channel.fail(brokenConnection(location, undefined));
      this.#channels.delete(channel);
    });
    return channel;
  }

  hold(isHeld: boolean): void {
    this.#link.hold(isHeld);
  }

  close(): void {
    this.#link.end();
  }

  async #start(): Promise<SFTPWrapper> {
    const { promise, resolve, reject } = Promise.withResolvers<SFTPWrapper>();
    promise.catch(() => {});
    // The answer to a request on a connection that broke may never come.
    this.#link.onEnd((error) => reject(brokenConnection(this.#options.location, error)));
    const timer = setTimeout(() => this.#link.destroy(noSession(this.#options.location, 'it gave no answer', true)), this.#options.stallMs);
    try {
      this.#link.client.sftp((error, sftp) => (error === undefined ? resolve(sftp) : reject(error)));
      return await promise;
    } catch (error) {
      throw this.#inWords(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #inWords(error: unknown): Error {
    const { location } = this.#options;
    if (error instanceof HoldfastError) return error;
    if (error instanceof Error && brokenWords.test(error.message)) this.#link.destroy(error);
    if (!(error instanceof Error) || !this.isOpen) return brokenConnection(location, error);
    if (/channel open failure/i.test(error.message)) return new ChannelRefused(oneLine(error.message), { cause: error });
    return noSession(location, oneLine(error.message), false, error);
  }
}

export function noSession(location: string, reason: string, isRetryable: boolean, cause?: unknown): HoldfastError {
  const hint = /packet|length|expected/i.test(reason)
    ? 'Something prints text at the login there: .bashrc and the like must be silent when nobody is at a terminal.'
    : 'Check that the server offers SFTP (Subsystem sftp in sshd_config) to this user.';
  return new HoldfastError('storage-failed', `${location} starts no SFTP session: ${reason}`, { hint, cause, isRetryable });
}
