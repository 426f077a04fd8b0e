/**
 * All keys with which a user may prove who he is, in the order of ssh: those of the agent that the configuration names, the agent's others, then
 * files. To ssh2 it is an agent: so a server is asked first whether it takes a key, and a passphrase is asked for only then.
 */
import ssh2, { type IdentityCallback, type ParsedKey, type SignCallback, type SigningRequestOptions } from 'ssh2';
import { type Identity, readIdentity, readPrivateKey, UnusableIdentity } from './identity-file.ts';

export interface KeyRingOptions {
  readonly files: readonly string[];
  readonly agentSocket: string | undefined;
  /** Keys of the agent count only where a file of theirs is named. */
  readonly usesOnlyNamed: boolean;
  /** Undefined: there is nobody to ask, and nothing was configured. */
  readonly askPassphrase: (path: string) => Promise<string | undefined>;
}

export class KeyRing extends ssh2.BaseAgent<ParsedKey> {
  readonly #options: KeyRingOptions;
  readonly #agent: InstanceType<typeof ssh2.OpenSSHAgent> | undefined;
  /** By the public key. */
  readonly #files = new Map<string, Identity>();
  readonly #opened = new Map<string, Promise<ParsedKey>>();
  readonly #notes = new Set<string>();
  #agentKeys: readonly ParsedKey[] = [];
  #cancellation: Error | undefined;

  constructor(options: KeyRingOptions) {
    super();
    this.#options = options;
    this.#agent = options.agentSocket === undefined ? undefined : new ssh2.OpenSSHAgent(options.agentSocket);
  }

  /** What was offered and what could not be used, for an error: no secret is in it. */
  get report(): string {
    const offered = [...this.#files.values()].map(({ path }) => path);
    const agent = this.#agentKeys.length === 0 ? [] : [`${this.#agentKeys.length} of the agent`];
    const keys = [...agent, ...offered];
    return [`keys: ${keys.length === 0 ? 'none' : keys.join(', ')}`, ...this.#notes].join('; ');
  }

  /** Why a key was not opened, when a person ended it. */
  get cancellation(): Error | undefined {
    return this.#cancellation;
  }

  override getIdentities(cb: IdentityCallback<ParsedKey>): void {
    void answer(this.#collect(), cb);
  }

  override sign(key: ParsedKey, data: Buffer, options: SigningRequestOptions | SignCallback, cb?: SignCallback): void {
    const done = typeof options === 'function' ? options : cb;
    const chosen = typeof options === 'function' ? {} : options;
    const file = this.#files.get(idOf(key));
    if (file === undefined) {
      if (this.#agent === undefined) done?.(new Error('no agent'));
      else this.#agent.sign(key, data, chosen, done);
      return;
    }
    void answer(this.#signWith(file, data, chosen.hash), (error, signature) => {
      if (error !== null && error !== undefined) this.#note(error);
      done?.(error, signature);
    });
  }

  async #collect(): Promise<ParsedKey[]> {
    const named = await this.#readFiles();
    const inAgent = await this.#askAgent();
    const isNamed = (key: ParsedKey) => named.has(idOf(key));
    const others = this.#options.usesOnlyNamed ? [] : inAgent.filter((key) => !isNamed(key));
    this.#agentKeys = [...inAgent.filter(isNamed), ...others];
    const held = new Set(this.#agentKeys.map(idOf));
    this.#files.clear();
    for (const [id, identity] of named) if (!held.has(id)) this.#files.set(id, identity);
    return [...this.#agentKeys, ...[...this.#files.values()].map(({ publicKey }) => publicKey)];
  }

  async #readFiles(): Promise<Map<string, Identity>> {
    const found = new Map<string, Identity>();
    for (const path of this.#options.files) {
      try {
        const identity = await this.#readFile(path);
        if (identity !== undefined) found.set(idOf(identity.publicKey), identity);
      } catch (error) {
        this.#note(error);
        if (this.#cancellation !== undefined) throw error;
      }
    }
    return found;
  }

  /** An old kind of key hides its public half, too: it must be opened to learn what it is. */
  async #readFile(path: string): Promise<Identity | undefined> {
    try {
      return await readIdentity(path);
    } catch (error) {
      if (!(error instanceof UnusableIdentity) || error.problem !== 'no passphrase') throw error;
      return { path, publicKey: await this.#openPath(path) };
    }
  }

  async #askAgent(): Promise<readonly ParsedKey[]> {
    const agent = this.#agent;
    if (agent === undefined) return [];
    const { promise, resolve } = Promise.withResolvers<readonly ParsedKey[]>();
    agent.getIdentities((error, keys) => {
      if (error !== null && error !== undefined) this.#notes.add(`the agent at ${this.#options.agentSocket} does not answer`);
      resolve((keys ?? []) as unknown as readonly ParsedKey[]);
    });
    return await promise;
  }

  async #signWith({ path }: Identity, data: Buffer, hash: string | undefined): Promise<Buffer> {
    const key = await this.#openPath(path);
    const signature: unknown = key.sign(data, hash);
    if (Buffer.isBuffer(signature)) return signature;
    throw new UnusableIdentity(path, 'not a key that can be used');
  }

  /** Once opened, a key stays open: a connection that breaks off is made again without asking. */
  #openPath(path: string): Promise<ParsedKey> {
    let opening = this.#opened.get(path);
    if (opening === undefined) {
      opening = readPrivateKey(path, () => this.#options.askPassphrase(path));
      this.#opened.set(path, opening);
      opening.catch(() => this.#opened.delete(path));
    }
    return opening;
  }

  #note(error: unknown): void {
    if (error instanceof UnusableIdentity) this.#notes.add(`${error.path}: ${error.problem}`);
    else this.#cancellation = asError(error);
  }
}

function idOf(key: ParsedKey): string {
  return key.getPublicSSH().toString('base64');
}

/** What the callback does of itself is not the work's: a login that fails in it ends when its time is over. */
async function answer<T>(work: Promise<T>, done: (error?: Error | null, value?: T) => void): Promise<void> {
  const [outcome] = await Promise.allSettled([work]);
  try {
    if (outcome.status === 'fulfilled') done(null, outcome.value);
    else done(asError(outcome.reason));
  } catch {
    // See above.
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
