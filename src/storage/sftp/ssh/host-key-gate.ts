/** Lets a connection through only when the host shows a key that is known to be its own. */
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { asHoldfastError, HoldfastError } from '../../../base/errors.ts';
import { addHostKey, fingerprint, type HostKeyEntry, judgeHostKey, KnownHosts, keyType } from './known-hosts.ts';
import type { SshSettings } from './ssh-settings.ts';

const algorithmsOf: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'],
};
const usualPort = 22;

export class HostKeyGate {
  readonly #settings: SshSettings;
  readonly #entries: readonly HostKeyEntry[];
  readonly #warn: (message: string) => void;
  #refusal: HoldfastError | undefined;

  static async read(settings: SshSettings, warn: (message: string) => void): Promise<HostKeyGate> {
    const known = await KnownHosts.read([...settings.userKnownHosts, ...settings.systemKnownHosts]);
    const [name, port] = nameOf(settings);
    return new HostKeyGate(settings, known.entriesOf(name, port), warn);
  }

  private constructor(settings: SshSettings, entries: readonly HostKeyEntry[], warn: (message: string) => void) {
    this.#settings = settings;
    this.#entries = entries;
    this.#warn = warn;
  }

  /** Why nobody was let through. */
  get refusal(): HoldfastError | undefined {
    return this.#refusal;
  }

  /** Of several keys of its own a host shall show one that is known: those types come first. */
  get algorithms(): ServerHostKeyAlgorithm[] {
    const types = this.#entries.filter(({ marker }) => marker === undefined).map(({ type }) => type);
    const preferred = types.flatMap((type) => algorithmsOf[type] ?? []);
    return [...new Set([...preferred, ...Object.values(algorithmsOf).flat()])];
  }

  async admits(key: Buffer): Promise<boolean> {
    const verdict = judgeHostKey(this.#entries, key);
    if (verdict.kind === 'known') return true;
    if (verdict.kind === 'unknown' && this.#settings.checking !== 'strict') return await this.#accept(key);
    this.#refusal = this.#refuse(verdict.kind, verdict.where ?? '', key);
    return false;
  }

  async #accept(key: Buffer): Promise<true> {
    const { userKnownHosts, hashesKnownHosts } = this.#settings;
    const [name, port] = nameOf(this.#settings);
    const [path] = userKnownHosts;
    try {
      if (path !== undefined && path !== '/dev/null') await addHostKey(path, name, port, key, hashesKnownHosts);
      this.#warn(`the host ${name} was not known; its key ${fingerprint(key)} is trusted from now on`);
    } catch (error) {
      this.#warn(`the key of the host ${name} could not be noted: ${asHoldfastError(error).message}`);
    }
    return true;
  }

  #refuse(kind: keyof typeof refusals, where: string, key: Buffer): HoldfastError {
    const [name, port] = nameOf(this.#settings);
    const { fact, hint } = refusals[kind](port === usualPort ? name : `[${name}]:${port}`, where);
    return new HoldfastError('storage-denied', `${fact} (it shows ${keyType(key)} ${fingerprint(key)})`, {
      hint,
      context: { host: name, port, fingerprint: fingerprint(key), ...(where === '' ? {} : { where }) },
    });
  }
}

/** By the name that stands in known_hosts, and the place of the line that decided. */
const refusals = {
  unknown: (name: string) => ({
    fact: `the host ${name} is not known: no key of it is in known_hosts`,
    hint: `Compare the fingerprint with that of the server, then log in once with ssh, which adds the key, or set StrictHostKeyChecking accept-new in ~/.ssh/config.`,
  }),
  changed: (name: string, where: string) => ({
    fact: `the host ${name} shows another key than the one in ${where}: somebody may be listening in`,
    hint: `If the key of the server was changed on purpose, remove the old one with ssh-keygen -R '${name}' and log in once with ssh.`,
  }),
  revoked: (name: string, where: string) => ({
    fact: `the host ${name} shows a key that ${where} has revoked`,
    hint: 'Have the server get a new key.',
  }),
  authority: (name: string, where: string) => ({
    fact: `the host ${name} is known by a certificate authority alone (${where}), and certificates of hosts are not supported here`,
    hint: 'Add its plain key to known_hosts (ssh-keyscan), or use the ssh program: -o sftp.command="ssh HOST -s sftp".',
  }),
};

/** As ssh: an alias stands for the host and the port. */
function nameOf({ host, port, keyAlias }: SshSettings): [string, number] {
  return keyAlias === undefined ? [host, port] : [keyAlias, usualPort];
}
