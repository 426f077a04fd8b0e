/** SFTP through a program of the user's, as `ssh host -s sftp`: for what ssh2 does not know, such as certificates and keys in hardware. */
import { type ChildProcess, spawn } from 'node:child_process';
import { HoldfastError } from '../../base/errors.ts';
import { SftpChannel } from './sftp-channel.ts';
import { type ConnectionOptions, noSession, type SftpConnection } from './sftp-connection.ts';
import { oneLine } from './ssh/ssh-errors.ts';
import { holdAll } from './ssh/ssh-route.ts';
import { type RawSftp, rawSftp } from './ssh2-internals.ts';

/** The last words of a program say why it ended. */
const lastWordsBytes = 2000;
/** How long a program may take to end when its input ended. */
const farewellMs = 500;
/**
 * Ctrl-C at a terminal goes to all its programs. This one must live on until Holdfast has removed its locks through it, so it starts with
 * the signal ignored; it stays in the session of the terminal, where ssh may ask for a password.
 */
const startScript = 'trap "" INT; exec "$@"';

export interface CommandOptions extends ConnectionOptions {
  readonly command: readonly [string, ...string[]];
}

interface Running {
  readonly child: ChildProcess;
  readonly sftp: RawSftp;
  /** Resolves with the reason when the program has ended. */
  readonly ended: Promise<string>;
}

/** Every channel is a process of its own. */
export class CommandConnection implements SftpConnection {
  readonly #options: CommandOptions;
  readonly #children = new Set<ChildProcess>();

  constructor(options: CommandOptions) {
    this.#options = options;
  }

  /** Of one channel that breaks the others know nothing. */
  get isOpen(): boolean {
    return true;
  }

  async openChannel(): Promise<SftpChannel> {
    const { location, stallMs, paces } = this.#options;
    const { child, sftp, ended } = this.#start();
    const timer = setTimeout(() => child.kill(), stallMs);
    try {
      await hello(sftp, ended, location);
    } catch (error) {
      child.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    const channel = new SftpChannel(sftp, { location, stallMs, paces, onStall: () => child.kill() });
    sftp.on('error', (error: Error) => channel.fail(noSession(location, oneLine(error.message), true, error)));
    void ended.then((reason) => channel.fail(new HoldfastError('storage-failed', `${location}: ${reason}`, { isRetryable: true })));
    return channel;
  }

  hold(isHeld: boolean): void {
    for (const child of this.#children) holdChild(child, isHeld);
  }

  close(): void {
    for (const child of this.#children) farewell(child);
  }

  #start(): Running {
    const [program, ...args] = this.#options.command;
    const child = spawn('/bin/sh', ['-c', startScript, 'sh', program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#children.add(child);
    const sftp = rawSftp({ send: (data) => void child.stdin.write(data), close: () => farewell(child) });
    // That the other side reads no more shows in its end, and what it says there is the reason.
    child.stdin.on('error', () => {});
    child.stdout.on('data', (data: Buffer) => sftp.push(data));
    sftp.on('error', () => {});
    const ended = endOf(child, program).finally(() => this.#children.delete(child));
    return { child, sftp, ended };
  }
}

async function hello(sftp: RawSftp, ended: Promise<string>, location: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  sftp.once('ready', resolve);
  sftp.once('error', (error: Error) => reject(noSession(location, oneLine(error.message), false, error)));
  void ended.then((reason) => reject(noSession(location, reason, true)));
  sftp._init();
  await promise;
}

/** Without the arguments: they may hold a secret. */
function endOf(child: ChildProcess, program: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let words = '';
  child.stderr?.on('data', (data: Buffer) => {
    words = (words + data.toString('utf8')).slice(-lastWordsBytes);
  });
  child.on('error', (error) => resolve(`the program ${program} cannot be started: ${error.message}`));
  child.on('close', (code, signal) => {
    const end = signal === null ? `exit code ${code}` : signal;
    resolve(`the program ${program} ended (${end})${words.trim() === '' ? '' : `: ${oneLine(words)}`}`);
  });
  return promise;
}

function holdChild(child: ChildProcess, isHeld: boolean): void {
  holdAll(
    [child, ...child.stdio].filter((part) => part !== null && part !== undefined),
    isHeld,
  );
}

function farewell(child: ChildProcess): void {
  holdChild(child, true);
  child.stdin?.end();
  const timer = setTimeout(() => child.kill(), farewellMs);
  child.once('close', () => clearTimeout(timer));
}
