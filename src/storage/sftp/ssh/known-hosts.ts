/** Files with keys of hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): plain and hashed names, patterns, ports, and the two markers. */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { appendFile, mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asHoldfastError, HoldfastError } from '../../../base/errors.ts';
import { matchesList } from './ssh-patterns.ts';

export interface HostKeyEntry {
  readonly marker: '@revoked' | '@cert-authority' | undefined;
  readonly type: string;
  readonly key: Buffer;
  /** `path:line`, for messages. */
  readonly where: string;
}

interface NamedEntry extends HostKeyEntry {
  readonly names: string;
}

const usualPort = 22;
const maxFileBytes = 64 << 20;
const saltBytes = 20;

export class KnownHosts {
  readonly #entries: readonly NamedEntry[];

  /** Files that are not there hold nothing. @throws HoldfastError `storage-denied` and the like for one that cannot be read */
  static async read(paths: readonly string[]): Promise<KnownHosts> {
    const files = await Promise.all(paths.map(readEntries));
    return new KnownHosts(files.flat());
  }

  private constructor(entries: readonly NamedEntry[]) {
    this.#entries = entries;
  }

  /** All that is known of a host at a port; as ssh, what is known of the host without a port counts where nothing is known with it. */
  entriesOf(host: string, port: number): HostKeyEntry[] {
    const own = this.#named(nameAt(host, port));
    const hasKeys = own.some(({ marker }) => marker === undefined);
    return hasKeys || port === usualPort ? own : [...own, ...this.#named(host)];
  }

  #named(name: string): HostKeyEntry[] {
    return this.#entries.filter(({ names }) => isNamed(names, name.toLowerCase()));
  }
}

export type HostKeyVerdict =
  | { readonly kind: 'known' }
  | { readonly kind: 'unknown' | 'changed' | 'revoked' | 'authority'; readonly where: string | undefined };

/** What the entries of a host say about the key that it shows. Of a host that is known by another type of key it is a changed one, too. */
export function judgeHostKey(entries: readonly HostKeyEntry[], key: Buffer): HostKeyVerdict {
  const type = keyType(key);
  const revoked = entries.find((entry) => entry.marker === '@revoked' && entry.key.equals(key));
  if (revoked !== undefined) return { kind: 'revoked', where: revoked.where };
  const plain = entries.filter(({ marker }) => marker === undefined);
  if (plain.some((entry) => entry.key.equals(key))) return { kind: 'known' };
  const other = plain.find((entry) => entry.type === type) ?? plain[0];
  if (other !== undefined) return { kind: 'changed', where: other.where };
  const authority = entries.find(({ marker }) => marker === '@cert-authority');
  return authority === undefined ? { kind: 'unknown', where: undefined } : { kind: 'authority', where: authority.where };
}

/** As ssh prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The first field of a key: `ssh-ed25519`. */
export function keyType(key: Buffer): string {
  const length = key.length >= 4 ? key.readUInt32BE(0) : 0;
  return key.toString('latin1', 4, Math.min(key.length, 4 + length));
}

/** Notes a key for ever. The folder is made for the user alone, as by ssh. */
export async function addHostKey(path: string, host: string, port: number, key: Buffer, isHashed: boolean): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const name = nameAt(host, port).toLowerCase();
    const line = `${isHashed ? hashName(name) : name} ${keyType(key)} ${key.toString('base64')}\n`;
    await appendFile(path, (await endsInside(path)) ? `\n${line}` : line, { mode: 0o600 });
  } catch (error) {
    throw asHoldfastError(error);
  }
}

function nameAt(host: string, port: number): string {
  return port === usualPort ? host : `[${host}]:${port}`;
}

async function readEntries(path: string): Promise<NamedEntry[]> {
  let text: string;
  try {
    const file = await open(path, 'r');
    await using _ = file;
    const { size } = await file.stat();
    if (size > maxFileBytes) throw new HoldfastError('usage', `${path} is too large for a file with keys of hosts`);
    text = await file.readFile('latin1');
  } catch (error) {
    const known = asHoldfastError(error);
    if (known.code === 'storage-missing') return [];
    throw known;
  }
  return text.split('\n').flatMap((line, index) => parseLine(line, `${path}:${index + 1}`));
}

/** Lines that are not understood say nothing, as for ssh: they can only make a host less known. A broken @revoked line must not. */
function parseLine(line: string, where: string): NamedEntry[] {
  const words = line.trim().split(/\s+/);
  const marker = words[0]?.startsWith('@') === true ? words.shift() : undefined;
  const [names, type, text] = words;
  if (names === undefined || names === '' || names.startsWith('#')) return [];
  const key = Buffer.from(text ?? '', 'base64');
  const isUsable = type !== undefined && keyType(key) === type;
  if (marker !== undefined && marker !== '@revoked' && marker !== '@cert-authority') return [];
  if (isUsable) return [{ marker, names, type, key, where }];
  if (marker === undefined) return [];
  throw new HoldfastError('usage', `a line with ${marker} cannot be read: ${where}`, {
    hint: 'Mend or remove that line.',
    context: { where },
  });
}

function isNamed(names: string, name: string): boolean {
  const [, salt, hash] = /^\|1\|([A-Za-z0-9+/=]+)\|([A-Za-z0-9+/=]+)$/.exec(names) ?? [];
  if (salt === undefined || hash === undefined) return matchesList(names.split(','), name);
  return hmac(Buffer.from(salt, 'base64'), name).equals(Buffer.from(hash, 'base64'));
}

function hashName(name: string): string {
  const salt = randomBytes(saltBytes);
  return `|1|${salt.toString('base64')}|${hmac(salt, name).toString('base64')}`;
}

function hmac(salt: Buffer, name: string): Buffer {
  return createHmac('sha1', salt).update(name).digest();
}

async function endsInside(path: string): Promise<boolean> {
  const text = await readFile(path, 'latin1').catch(() => '');
  return text !== '' && !text.endsWith('\n');
}
