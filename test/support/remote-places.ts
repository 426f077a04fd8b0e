/** Servers of each kind with something between them and their clients that can be made to go wrong. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBackend } from '../../src/app/open-backend.ts';
import { Repository } from '../../src/repository/repository.ts';
import { CephGateway } from './ceph-gateway.ts';
import { FaultProxy, type LineFault } from './fault-proxy.ts';
import { type HttpFault, HttpFaults } from './http-faults.ts';
import { localRepository, quickScrypt, testPassword } from './new-repository.ts';
import { RestServer } from './rest-server.ts';
import { ServedFolder } from './serve.ts';
import { SshHome, SshServer } from './ssh-server.ts';

/** A new repository, whose password costs no time. */
export interface RemoteRepository {
  /** Through everything that can go wrong. */
  readonly location: string;
  /** Past it. */
  readonly plain: string;
}

export interface Faults {
  readonly line: readonly LineFault[];
  readonly http: readonly HttpFault[];
}

/** Somebody may have to type a passphrase, so a login may take two minutes: too long to wait for. */
const sshLoginBytes = 10_000;

export class RemotePlace implements AsyncDisposable {
  readonly name: string;
  /** Variables for the programs. */
  readonly env: Readonly<Record<string, string>>;
  readonly #line: FaultProxy;
  readonly #http: HttpFaults | undefined;
  readonly #create: (name: string, port: number) => Promise<RemoteRepository>;
  readonly #stack: AsyncDisposableStack;
  #count = 0;

  static async rest(binary: string): Promise<RemotePlace> {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await RestServer.start({ binary }));
    return await RemotePlace.#overHttp('rest', server.port, {}, stack.move(), async (name, port) => {
      const plain = join(server.folder, name);
      await (await localRepository(plain)).close();
      return { plain, location: `rest:http://127.0.0.1:${port}/${name}/` };
    });
  }

  /** Holdfast's own server. */
  static async serve(): Promise<RemotePlace> {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await ServedFolder.start());
    return await RemotePlace.#overHttp('serve', server.port, {}, stack.move(), async (name, port) => {
      const plain = join(server.folder, name);
      await (await localRepository(plain)).close();
      return { plain, location: `rest:http://127.0.0.1:${port}/${name}/` };
    });
  }

  static async s3(): Promise<RemotePlace> {
    await using stack = new AsyncDisposableStack();
    const gateway = stack.use(await CephGateway.start());
    const environment = gateway.environment();
    return await RemotePlace.#overHttp('s3', gateway.port, environment, stack.move(), async (name, port) => {
      const plain = gateway.location(`faults/${name}`);
      const backend = await openBackend(plain, { environment });
      await (await Repository.create(backend, { password: testPassword, scryptCost: quickScrypt })).close();
      return { plain, location: `s3:http://127.0.0.1:${port}/faults/${name}` };
    });
  }

  /** What is in the stream cannot be changed without ending it, as it is encrypted and signed: the line alone goes wrong. */
  static async sftp(): Promise<RemotePlace> {
    await using stack = new AsyncDisposableStack();
    const home = stack.use(new SshHome());
    const server = stack.use(await SshServer.start({ keys: [home.addKey()] }));
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-sftp-faults-'));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    const line = stack.use(await FaultProxy.start(server.port, { loginBytes: sshLoginBytes }));
    home.trust(`[127.0.0.1]:${line.port} ${server.hostKey}`);
    return new RemotePlace('sftp', home.environment, line, undefined, stack.move(), async (name, port) => {
      const plain = join(folder, name);
      await (await localRepository(plain)).close();
      return { plain, location: `sftp://${server.user}@127.0.0.1:${port}/${plain}` };
    });
  }

  static async #overHttp(
    name: string,
    serverPort: number,
    env: Readonly<Record<string, string>>,
    stack: AsyncDisposableStack,
    create: (name: string, port: number) => Promise<RemoteRepository>,
  ): Promise<RemotePlace> {
    const http = stack.use(await HttpFaults.start(serverPort));
    const line = stack.use(await FaultProxy.start(http.port));
    return new RemotePlace(name, env, line, http, stack, create);
  }

  private constructor(
    name: string,
    env: Readonly<Record<string, string>>,
    line: FaultProxy,
    http: HttpFaults | undefined,
    stack: AsyncDisposableStack,
    create: (name: string, port: number) => Promise<RemoteRepository>,
  ) {
    this.name = name;
    this.env = env;
    this.#line = line;
    this.#http = http;
    this.#stack = stack;
    this.#create = create;
  }

  get isHttp(): boolean {
    return this.#http !== undefined;
  }

  async create(): Promise<RemoteRepository> {
    return await this.#create(`repository${++this.#count}`, this.#line.port);
  }

  arm({ line, http }: Faults): void {
    this.#line.arm(line);
    this.#http?.arm(http);
  }

  /** @returns what came true since it was armed */
  disarm(): readonly (LineFault | HttpFault)[] {
    return [...this.#line.disarm(), ...(this.#http?.disarm() ?? [])];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
