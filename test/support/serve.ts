/** `holdfast serve` as a process of its own, over a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdfastEnvironment, holdfastPath } from './holdfast.ts';

export interface ServeOptions {
  /** The repositories; a new folder, removed at the end, unless told. */
  readonly folder?: string;
  /** Besides the folder; `--no-auth` on a free port unless told. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

interface Listening {
  readonly addresses: readonly string[];
  readonly metrics?: string;
}

export const anybody = ['--no-auth'] as const;
const anyPort = ['--listen', '127.0.0.1:0'] as const;

export class ServedFolder implements AsyncDisposable {
  readonly folder: string;
  readonly addresses: readonly string[];
  readonly metrics: string | undefined;
  readonly child: ChildProcess;
  readonly #ownsFolder: boolean;
  readonly #complaints: Buffer[] = [];

  static async start(options: ServeOptions = {}): Promise<ServedFolder> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'holdfast-serve-'));
    const { args = anybody } = options;
    const place = args.includes('--listen') ? [] : anyPort;
    const env = { ...holdfastEnvironment('/nonexistent'), ...options.env };
    const child = spawn(holdfastPath, ['--json', 'serve', '--path', folder, ...place, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const complaints: Buffer[] = [];
    child.stderr.on('data', (piece: Buffer) => complaints.push(piece));
    const ended = once(child, 'exit').then(() => undefined);
    const first = await Promise.race([once(child.stdout, 'data'), ended]);
    if (first === undefined) throw new Error(`holdfast serve ended: ${Buffer.concat(complaints).toString()}`);
    const listening = JSON.parse(String(first[0])) as Listening;
    return new ServedFolder(child, folder, listening, complaints, options.folder === undefined);
  }

  private constructor(child: ChildProcess, folder: string, { addresses, metrics }: Listening, complaints: Buffer[], ownsFolder: boolean) {
    this.child = child;
    this.folder = folder;
    this.addresses = addresses;
    this.metrics = metrics;
    this.#complaints = complaints;
    this.#ownsFolder = ownsFolder;
  }

  get port(): number {
    return Number(new URL(this.addresses[0] ?? '').port);
  }

  /** What it wrote to standard error. */
  get complaints(): string {
    return Buffer.concat(this.#complaints).toString();
  }

  /** As a location; `user` as in `name:password`. */
  location(path = '/', user = ''): string {
    const address = new URL(this.addresses[0] ?? '');
    return `rest:${address.protocol}//${user === '' ? '' : `${user}@`}127.0.0.1:${address.port}${path}`;
  }

  /** @returns the exit code */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    }
    return child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
    if (this.#ownsFolder) rmSync(this.folder, { recursive: true, force: true });
  }
}
