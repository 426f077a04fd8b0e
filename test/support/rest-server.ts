/** restic's REST server, started on a socket or port of its own over an empty folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.ts';

export interface RestServerOptions {
  readonly binary: string;
  /** Besides the folder and the address. */
  readonly args?: readonly string[];
  /** No password is asked for unless a file with them is named in `args`. */
  readonly asksPassword?: boolean;
  /** The repositories; a new folder, removed at the end, unless told. */
  readonly folder?: string;
  readonly port?: number;
  /** Path of a Unix socket, instead of a port. */
  readonly socket?: string;
}

const startTries = 200;
const tryMs = 25;

export class RestServer implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #ownsFolder: boolean;

  static async start(options: RestServerOptions): Promise<RestServer> {
    const port = options.port ?? (await freePort());
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'holdfast-rest-')));
    const args = [
      '--path',
      folder,
      '--listen',
      options.socket === undefined ? `127.0.0.1:${port}` : `unix:${options.socket}`,
      ...(options.asksPassword === true ? [] : ['--no-auth']),
      ...(options.args ?? []),
    ];
    const server = new RestServer(spawn(options.binary, args, { stdio: 'ignore' }), port, folder, options.folder === undefined);
    await server.#untilReady(options.socket);
    return server;
  }

  private constructor(child: ChildProcess, port: number, folder: string, ownsFolder: boolean) {
    this.#child = child;
    this.port = port;
    this.folder = folder;
    this.#ownsFolder = ownsFolder;
  }

  /** As a location; `user` as in `name:password`. */
  location(path = '/', { user = '', scheme = 'http' }: { readonly user?: string; readonly scheme?: string } = {}): string {
    return `rest:${scheme}://${user === '' ? '' : `${user}@`}127.0.0.1:${this.port}${path}`;
  }

  /** As by a power cut: nothing is finished. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    if (this.#ownsFolder) await rm(this.folder, { recursive: true, force: true });
  }

  async #untilReady(socket: string | undefined): Promise<void> {
    for (let tries = 0; tries < startTries; tries++) {
      if (this.#child.exitCode !== null) throw new Error(`rest-server ended with code ${this.#child.exitCode}`);
      if (await answers(socket === undefined ? connect(this.port, '127.0.0.1') : connect(socket))) return;
      await delay(tryMs);
    }
    await this.kill();
    throw new Error('rest-server did not begin to listen');
  }
}

async function answers(socket: Socket): Promise<boolean> {
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
