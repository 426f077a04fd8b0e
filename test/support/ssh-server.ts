/** OpenSSH's server, started by whoever runs the tests, for that user alone: with keys, configuration and home of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { requireCommand } from './peers.ts';

const program = '/usr/sbin/sshd';
/** The server's program for SFTP, which needs no SSH. */
export const sftpServer = '/usr/lib/openssh/sftp-server';

const startTries = 200;
const tryMs = 25;

/** Undefined, and the test skipped with one line, where there is no sshd. */
export function requireSsh(t: Pick<TestContext, 'skip'>): true | undefined {
  return requireCommand(t, program) && requireCommand(t, 'ssh-keygen') ? true : undefined;
}

export interface SshKeyOptions {
  readonly type?: 'ed25519' | 'ecdsa' | 'rsa';
  readonly passphrase?: string;
  /** The older format, whose encrypted keys hide their public half, too. */
  readonly isPem?: boolean;
}

/** The home of a client: `.ssh` with a key, and known_hosts. */
export class SshHome {
  readonly path: string;
  readonly folder: string;
  readonly knownHosts: string;

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'holdfast-ssh-home-'));
    this.folder = join(this.path, '.ssh');
    this.knownHosts = join(this.folder, 'known_hosts');
    mkdirSync(this.folder, { mode: 0o700 });
  }

  /** @returns the public key, as a line */
  addKey(name = 'id_ed25519', { type = 'ed25519', passphrase = '', isPem = false }: SshKeyOptions = {}): string {
    return makeKey(join(this.folder, name), type, passphrase, isPem);
  }

  /** Adds lines to ~/.ssh/config. */
  configure(...lines: readonly string[]): void {
    const path = join(this.folder, 'config');
    appendFileSync(path, `${lines.join('\n')}\n`);
    chmodSync(path, 0o600);
  }

  trust(...lines: readonly string[]): void {
    appendFileSync(this.knownHosts, lines.map((line) => `${line}\n`).join(''));
  }

  /** What a program of this client needs; no agent. */
  get environment(): Record<string, string> {
    return { HOME: this.path, SSH_AUTH_SOCK: '' };
  }

  /** A command for stock ssh, which looks into the home that the system's list of users names. */
  stockCommand(host: string): string {
    return `ssh -F ${join(this.folder, 'config')} -o UserKnownHostsFile=${this.knownHosts} ${host} -s sftp`;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export interface SshServerOptions {
  /** Lines of public keys that may log in. */
  readonly keys: readonly string[];
  /** Lines of sshd_config. */
  readonly config?: readonly string[];
  readonly hostKeyType?: 'ed25519' | 'ecdsa' | 'rsa';
  readonly port?: number;
}

export class SshServer implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  /** Type and key, as in a line of known_hosts. */
  readonly hostKey: string;
  #child: ChildProcess | undefined;

  static async start(options: SshServerOptions): Promise<SshServer> {
    const server = new SshServer(options, options.port ?? (await freePort()));
    await server.restart();
    return server;
  }

  private constructor({ keys, config = [], hostKeyType = 'ed25519' }: SshServerOptions, port: number) {
    this.port = port;
    this.folder = mkdtempSync(join(tmpdir(), 'holdfast-sshd-'));
    const hostKeyPath = join(this.folder, 'host_key');
    this.hostKey = withoutComment(makeKey(hostKeyPath, hostKeyType));
    writeFileSync(join(this.folder, 'authorized_keys'), keys.join('\n'));
    const lines = [
      ...config,
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${hostKeyPath}`,
      `AuthorizedKeysFile ${join(this.folder, 'authorized_keys')}`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin yes',
      'MaxStartups 100',
      'LogLevel VERBOSE',
      'Subsystem sftp internal-sftp',
    ];
    writeFileSync(join(this.folder, 'sshd_config'), `${lines.join('\n')}\n`);
    // Root's sshd changes into this empty folder.
    if (process.getuid?.() === 0 && !existsSync('/run/sshd')) mkdirSync('/run/sshd', { mode: 0o755 });
  }

  get user(): string {
    return userInfo().username;
  }

  /** A line of known_hosts. */
  knownHost(name = '127.0.0.1'): string {
    return `[${name}]:${this.port} ${this.hostKey}`;
  }

  /** A folder on the server, as a location. */
  location(path: string): string {
    return `sftp://${this.user}@127.0.0.1:${this.port}/${path}`;
  }

  get log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8');
  }

  /** With all its sessions, as by a power cut. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    // Sessions are processes of their own, in sessions of their own: children of this one.
    for (const pid of [...descendants(child.pid), child.pid]) endProcess(pid);
    await ended;
  }

  async restart(): Promise<void> {
    await this.kill();
    const args = ['-D', '-f', join(this.folder, 'sshd_config'), '-E', join(this.folder, 'log')];
    this.#child = spawn(program, args, { stdio: 'ignore' });
    for (let tries = 0; tries < startTries; tries++) {
      if (this.#child.exitCode !== null) throw new Error(`sshd ended with code ${this.#child.exitCode}: ${this.log}`);
      if (await answers(this.port)) return;
      await delay(tryMs);
    }
    await this.kill();
    throw new Error('sshd did not begin to listen');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A server and a client that trust each other; all of it ends with the test. */
export async function sshScene(
  t: Pick<TestContext, 'after'>,
  options: Partial<SshServerOptions> = {},
): Promise<{ readonly server: SshServer; readonly home: SshHome }> {
  const home = new SshHome();
  const server = await SshServer.start({ ...options, keys: options.keys ?? [home.addKey()] });
  home.trust(server.knownHost());
  t.after(async () => {
    await server[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });
  return { server, home };
}

function makeKey(path: string, type: string, passphrase = '', isPem = false): string {
  const args = ['-q', '-t', type, '-N', passphrase, '-C', 'test', '-f', path, ...(isPem ? ['-m', 'PEM'] : [])];
  const made = spawnSync('ssh-keygen', args, { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`ssh-keygen: ${made.stderr}`);
  return readFileSync(`${path}.pub`, 'utf8').trim();
}

function withoutComment(publicKey: string): string {
  return publicKey.split(' ').slice(0, 2).join(' ');
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'data');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function descendants(pid: number): number[] {
  const listed = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' }).stdout;
  const children = listed
    .split('\n')
    .map(Number)
    .filter((child) => child > 0);
  return children.flatMap((child) => [...descendants(child), child]);
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone by itself.
  }
}
