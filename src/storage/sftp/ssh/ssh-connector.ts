/** Makes connections to SSH servers as ssh would: by its configuration, through jump hosts, to hosts whose keys are known. */
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import ssh2, { type AgentAuthMethod, type Client, type NoAuthMethod } from 'ssh2';
import { HostKeyGate } from './host-key-gate.ts';
import { KeyRing } from './key-ring.ts';
import { HostConfig } from './ssh-config.ts';
import { unusableConfig } from './ssh-config-lines.ts';
import { loginError } from './ssh-errors.ts';
import { SshLink } from './ssh-link.ts';
import { type Carrier, type Endpoint, openCarrier, parseJump } from './ssh-route.ts';
import { type SshSettings, settleSettings } from './ssh-settings.ts';

export interface SshContext {
  /** The user's folder, which has `.ssh`. */
  readonly home: string;
  readonly localUser: string;
  readonly variable: (name: string) => string | undefined;
  readonly warn: (message: string) => void;
  /** The passphrase of a key; undefined where none was configured and nobody can be asked. */
  readonly askPassphrase: (path: string) => Promise<string | undefined>;
}

const systemConfig = '/etc/ssh/ssh_config';
/** Jump hosts that need jump hosts: more than anybody has, so it is a circle. */
const maxJumpDepth = 8;
/** Longer than any exchange of keys takes; somebody may have to type a passphrase. Servers wait as long by themselves. */
const loginTimeoutMs = 120_000;

export class SshConnector {
  readonly #context: SshContext;
  /** Keys that were opened stay open. */
  readonly #rings = new Map<string, KeyRing>();

  constructor(context: SshContext) {
    this.#context = context;
  }

  /** @throws HoldfastError `usage`, `storage-denied` (host or user), `storage-failed`, `unsupported`, `cancelled` */
  async connect(endpoint: Endpoint): Promise<SshLink> {
    return await this.#reach(endpoint, 0);
  }

  async #reach(endpoint: Endpoint, depth: number): Promise<SshLink> {
    if (depth > maxJumpDepth) throw unusableConfig('ProxyJump', 'the jump hosts need each other');
    const settings = await this.#settle(endpoint);
    const [nearest, ...others] = settings.jumps.map(parseJump);
    if (nearest === undefined) return await this.#login(settings, await openCarrier(settings), undefined);
    let via = await this.#reach(nearest, depth + 1);
    for (const jump of others) via = await this.#through(via, await this.#settle(jump));
    return await this.#through(via, settings);
  }

  async #through(via: SshLink, settings: SshSettings): Promise<SshLink> {
    try {
      const stream = await via.forward(settings.host, settings.port);
      return await this.#login(settings, { stream, hold: (isHeld) => via.hold(isHeld) }, via);
    } catch (error) {
      via.destroy();
      throw error;
    }
  }

  async #settle({ host, user, port }: Endpoint): Promise<SshSettings> {
    const { home, localUser, variable, warn } = this.#context;
    const config = new HostConfig({ host, user, localUser, home, warn });
    const folder = join(home, '.ssh');
    await config.read([
      { path: join(folder, 'config'), folder, isPrivate: true },
      { path: systemConfig, folder: '/etc/ssh', isPrivate: false },
    ]);
    return settleSettings(config, { host, user, port, localUser, home, variable });
  }

  async #login(settings: SshSettings, carrier: Carrier, via: SshLink | undefined): Promise<SshLink> {
    const ring = this.#ringFor(settings);
    const client = new ssh2.Client();
    const link = new SshLink(client, carrier, via);
    try {
      const gate = await HostKeyGate.read(settings, this.#context.warn);
      await logIn(client, carrier.stream, settings, gate, ring);
      return link;
    } catch (error) {
      carrier.stream.destroy();
      link.destroy();
      throw loginError(settings, error, ring.report);
    }
  }

  #ringFor({ identityFiles, agentSocket, usesOnlyNamedIdentities }: SshSettings): KeyRing {
    const id = JSON.stringify([identityFiles, agentSocket, usesOnlyNamedIdentities]);
    const { askPassphrase } = this.#context;
    const made =
      this.#rings.get(id) ?? new KeyRing({ files: identityFiles, agentSocket, usesOnlyNamed: usesOnlyNamedIdentities, askPassphrase });
    this.#rings.set(id, made);
    return made;
  }
}

async function logIn(client: Client, stream: Duplex, settings: SshSettings, gate: HostKeyGate, ring: KeyRing): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Whoever waits hears of it; where nobody does any more it must not end the process.
  promise.catch(() => {});
  client.once('ready', resolve);
  client.on('error', (error: Error & { level?: string }) => {
    // A key that could not be used: others may do. Unless a person ended it.
    if (error.level !== 'agent') reject(gate.refusal ?? error);
    else if (ring.cancellation !== undefined) reject(ring.cancellation);
  });
  client.once('close', () => reject(gate.refusal ?? new Error('the server closed the connection')));
  const { user: username } = settings;
  const methods: (NoAuthMethod | AgentAuthMethod)[] = [
    { type: 'none', username },
    { type: 'agent', username, agent: ring },
  ];
  client.connect({
    sock: stream,
    username,
    readyTimeout: loginTimeoutMs,
    algorithms: { serverHostKey: gate.algorithms },
    hostVerifier: (key: Buffer, verify: (isGood: boolean) => void) => void gate.admits(key).then(verify, () => verify(false)),
    authHandler: methods,
  });
  client.setNoDelay(true);
  await promise;
}
