/**
 * Ceph's object gateway, a real S3 server, with a cluster of its own: one monitor, one store in memory, one gateway, on free loopback
 * ports, in a temporary folder, as any user. Needs Debian's ceph-mon, ceph-osd, ceph-common and radosgw.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { S3Client } from '@aws-sdk/client-s3';
import { freePort } from './free-port.ts';
import { requireCommand, run } from './peers.ts';

const commands = ['ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'ceph'];

const startTries = 600;
const tryMs = 50;
const memoryBytes = 2 ** 31;

export interface GatewayOptions {
  /** Files with a certificate and its key: the gateway then listens with TLS, too. */
  readonly certificate?: { readonly file: string; readonly keyFile: string };
  /** Buckets are also found in the names of hosts: `bucket.NAME`. */
  readonly dnsName?: string;
  /** Temporary keys can be had by taking a role. */
  readonly hasRoles?: boolean;
}

export interface AccessKeys {
  readonly id: string;
  readonly secret: string;
  /** Of temporary keys. */
  readonly token?: string;
}

export function hasCeph(): boolean {
  return spawnSync('sh', ['-c', commands.map((command) => `command -v ${command}`).join(' && ')]).status === 0;
}

/** Where a program is missing the test is marked as skipped with one line. */
export function requireCeph(t: Pick<TestContext, 'skip'>): boolean {
  return commands.every((command) => requireCommand(t, command));
}

export class CephGateway implements AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  readonly tlsPort: number;
  readonly keys: AccessKeys = { id: 'HOLDFASTTESTKEY', secret: randomBytes(20).toString('hex') };
  readonly #children: ChildProcess[] = [];
  readonly #monitorPort: number;

  static async start(options: GatewayOptions = {}): Promise<CephGateway> {
    const gateway = new CephGateway(await freePort(), await freePort(), await freePort());
    try {
      await gateway.#start(options);
    } catch (error) {
      const log = gateway.#logs();
      await gateway[Symbol.asyncDispose]();
      throw new Error(`the Ceph gateway did not start: ${String(error)}\n${log}`, { cause: error });
    }
    return gateway;
  }

  private constructor(port: number, tlsPort: number, monitorPort: number) {
    this.folder = mkdtempSync(join(tmpdir(), 'holdfast-ceph-'));
    this.port = port;
    this.tlsPort = tlsPort;
    this.#monitorPort = monitorPort;
    // However a test ends: daemons are not left behind.
    process.once('exit', () => {
      for (const child of this.#children) child.kill('SIGKILL');
    });
  }

  /** Variables with the keys, and without those of the machine's user. */
  environment({ id, secret, token }: AccessKeys = this.keys): Record<string, string> {
    const nothing = join(this.folder, 'none');
    return {
      AWS_ACCESS_KEY_ID: id,
      AWS_SECRET_ACCESS_KEY: secret,
      ...(token === undefined ? {} : { AWS_SESSION_TOKEN: token }),
      AWS_SHARED_CREDENTIALS_FILE: nothing,
      AWS_CONFIG_FILE: nothing,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
  }

  location(path: string): string {
    return `s3:http://127.0.0.1:${this.port}/${path}`;
  }

  tlsLocation(path: string): string {
    return `s3:https://127.0.0.1:${this.tlsPort}/${path}`;
  }

  /** A client of Amazon's SDK, for what Holdfast itself never does. */
  client({ id, secret }: AccessKeys = this.keys): S3Client {
    return new S3Client({
      endpoint: `http://127.0.0.1:${this.port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: id, secretAccessKey: secret },
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  /** Runs radosgw-admin. */
  async administer(...args: readonly string[]): Promise<string> {
    return await this.#do('radosgw-admin', [...args]);
  }

  async addUser(name: string, ...args: readonly string[]): Promise<AccessKeys> {
    const keys = { id: `KEYOF${name.toUpperCase()}`, secret: randomBytes(20).toString('hex') };
    const words = [`--uid=${name}`, `--display-name=${name}`, `--access-key=${keys.id}`, `--secret=${keys.secret}`];
    await this.administer('user', 'create', ...words, ...args);
    return keys;
  }

  /** As by a power cut; the store stays. */
  async killServer(): Promise<void> {
    const server = this.#children.pop();
    if (server !== undefined) await endOf(server);
  }

  async startServer(): Promise<void> {
    this.#run('radosgw', ['-n', 'client.rgw', '-f']);
    await this.#untilItListens();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map(endOf));
    await rm(this.folder, { recursive: true, force: true });
  }

  async #start(options: GatewayOptions): Promise<void> {
    const clusterId = randomUUID();
    for (const name of ['mon', 'osd', 'log', 'gateway']) await mkdir(join(this.folder, name));
    writeFileSync(this.#path('ceph.conf'), this.#configuration(clusterId, options));
    const monitor = `v1:127.0.0.1:${this.#monitorPort}`;
    await this.#do('monmaptool', ['--create', '--add', 'a', monitor, '--fsid', clusterId, this.#path('monmap')]);
    await this.#do('ceph-mon', ['--mkfs', '-i', 'a', '--monmap', this.#path('monmap')]);
    this.#run('ceph-mon', ['-i', 'a', '-f']);
    const store = randomUUID();
    await this.#do('ceph', ['--connect-timeout', '60', 'osd', 'new', store]);
    await this.#do('ceph-osd', ['-i', '0', '--mkfs', '--osd-uuid', store]);
    await this.#do('ceph', ['osd', 'crush', 'add', 'osd.0', '1.0', 'root=default', 'host=one']);
    this.#run('ceph-osd', ['-i', '0', '-f']);
    await this.startServer();
    await this.administer(
      'user',
      'create',
      '--uid=tests',
      '--display-name=tests',
      `--access-key=${this.keys.id}`,
      `--secret=${this.keys.secret}`,
    );
  }

  #configuration(clusterId: string, { certificate, dnsName, hasRoles }: GatewayOptions): string {
    const tls =
      certificate === undefined
        ? ''
        : ` ssl_endpoint=127.0.0.1:${this.tlsPort} ssl_certificate=${certificate.file} ssl_private_key=${certificate.keyFile}`;
    return [
      '[global]',
      `fsid = ${clusterId}`,
      `mon host = v1:127.0.0.1:${this.#monitorPort}`,
      'public addr = 127.0.0.1',
      ...['cluster', 'service', 'client'].map((part) => `auth ${part} required = none`),
      'osd pool default size = 1',
      'osd pool default min size = 1',
      'osd pool default pg num = 1',
      'osd crush chooseleaf type = 0',
      'mon allow pool size one = true',
      // Changes of the cluster are put together for a second otherwise, and there are many at the beginning.
      'paxos propose interval = 0.05',
      'paxos min wait = 0.01',
      'mon max pg per osd = 1000',
      'osd objectstore = memstore',
      `memstore device bytes = ${memoryBytes}`,
      'ms bind msgr2 = false',
      // Without these the store sends commands to the monitor that fail now and then, when it knows too little of it yet.
      'osd class update on start = false',
      'osd crush update on start = false',
      `run dir = ${this.folder}`,
      `admin socket = ${this.#path('$name.$pid.asok')}`,
      `log file = ${this.#path('log/$name.log')}`,
      `mon cluster log file = ${this.#path('log/cluster.log')}`,
      `crash dir = ${this.#path('log')}`,
      '[mon.a]',
      `mon data = ${this.#path('mon')}`,
      '[osd.0]',
      `osd data = ${this.#path('osd')}`,
      '[client.rgw]',
      `rgw frontends = beast endpoint=127.0.0.1:${this.port}${tls} tcp_nodelay=1`,
      `rgw data = ${this.#path('gateway')}`,
      'rgw thread pool size = 32',
      ...(hasRoles === true ? ['rgw sts key = abcdefghijklmnop', 'rgw s3 auth use sts = true'] : []),
      // Quotas are known at once, not ten minutes later.
      'rgw bucket quota ttl = 0',
      ...(dnsName === undefined ? [] : [`rgw dns name = ${dnsName}`]),
      '',
    ].join('\n');
  }

  #path(name: string): string {
    return join(this.folder, name);
  }

  async #do(program: string, args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run(program, ['--conf', this.#path('ceph.conf'), ...args]);
    if (code !== 0) throw new Error(`${program} ${args.slice(0, 2).join(' ')} ended with ${code}: ${stderr.slice(-2000)}`);
    return stdout;
  }

  #run(program: string, args: readonly string[]): void {
    const child = spawn(program, ['--conf', this.#path('ceph.conf'), ...args], { stdio: 'ignore' });
    // A daemon that cannot be started does not listen, which is what is reported.
    child.on('error', () => {});
    this.#children.push(child);
  }

  async #untilItListens(): Promise<void> {
    for (let tries = 0; tries < startTries; tries++) {
      const ended = this.#children.find((child) => child.exitCode !== null);
      if (ended !== undefined) throw new Error(`${ended.spawnfile} ended with code ${ended.exitCode}`);
      const socket = connect(this.port, '127.0.0.1');
      const isThere = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      if (isThere) return;
      await delay(tryMs);
    }
    throw new Error('it does not listen');
  }

  #logs(): string {
    return ['mon.a', 'osd.0', 'client.rgw'].map((name) => `${name}: ${tailOf(this.#path(`log/${name}.log`))}`).join('\n');
  }
}

function tailOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-1500);
  } catch {
    return 'no log';
  }
}

/** Nothing of the cluster is kept, so nothing needs to be written. */
async function endOf(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
