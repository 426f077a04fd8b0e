/** A file with a key of the user. Its public half is had without the passphrase, so that nobody is asked for one that the server does not want. */
import { readFile, stat } from 'node:fs/promises';
import ssh2, { type ParsedKey } from 'ssh2';

const maxFileBytes = 1 << 20;
const readableByOthers = 0o077;
const containerMagic = 'openssh-key-v1\0';

export interface Identity {
  readonly path: string;
  readonly publicKey: ParsedKey;
}

export type IdentityProblem = 'wrong passphrase' | 'no passphrase' | 'readable by others' | 'not a key that can be used';

/** A key that cannot be used, and why. */
export class UnusableIdentity extends Error {
  readonly path: string;
  readonly problem: IdentityProblem;

  constructor(path: string, problem: IdentityProblem) {
    super(`${path}: ${problem}`);
    this.path = path;
    this.problem = problem;
  }
}

/** Undefined where there is no such file. */
export async function readIdentity(path: string): Promise<Identity | undefined> {
  const beside = await readKeyFile(`${path}.pub`);
  const text = await readKeyFile(path);
  if (text === undefined && beside === undefined) return undefined;
  const publicKey = parseOne(beside) ?? parseOne(text) ?? parseOne(publicHalf(text));
  if (publicKey === undefined) throw new UnusableIdentity(path, needsPassphrase(text) ? 'no passphrase' : 'not a key that can be used');
  return { path, publicKey };
}

/**
 * @param askPassphrase called only for a key that has one; undefined: there is nobody to ask
 * @throws UnusableIdentity
 */
export async function readPrivateKey(path: string, askPassphrase: () => Promise<string | undefined>): Promise<ParsedKey> {
  await assertPrivate(path);
  const text = await readKeyFile(path);
  const key = parseOne(text);
  if (key?.isPrivateKey() === true) return key;
  if (!needsPassphrase(text)) throw new UnusableIdentity(path, 'not a key that can be used');
  const passphrase = await askPassphrase();
  if (passphrase === undefined || passphrase === '') throw new UnusableIdentity(path, 'no passphrase');
  const opened = parseOne(text, passphrase);
  if (opened === undefined) throw new UnusableIdentity(path, 'wrong passphrase');
  return opened;
}

/** As ssh: a key that others can read is none. */
async function assertPrivate(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new UnusableIdentity(path, 'not a key that can be used');
  const isOurs = process.getuid === undefined || found.uid === process.getuid();
  if (isOurs && (found.mode & readableByOthers) !== 0) throw new UnusableIdentity(path, 'readable by others');
}

async function readKeyFile(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true || found.size > maxFileBytes) return undefined;
  return await readFile(path, 'latin1').catch(() => undefined);
}

function parseOne(text: string | undefined, passphrase?: string): ParsedKey | undefined {
  if (text === undefined) return undefined;
  const parsed: unknown = ssh2.utils.parseKey(text, passphrase);
  const key: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
  return key instanceof Error || key === undefined ? undefined : (key as ParsedKey);
}

function needsPassphrase(text: string | undefined): boolean {
  const parsed: unknown = text === undefined ? undefined : ssh2.utils.parseKey(text);
  return parsed instanceof Error && /no passphrase given/.test(parsed.message);
}

/** From the container of OpenSSH (PROTOCOL.key): magic, cipher, kdf, its options, the number of keys, the public key; each text with its length. */
function publicHalf(text: string | undefined): string | undefined {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/.exec(text ?? '')?.[1];
  if (body === undefined) return undefined;
  const bytes = Buffer.from(body, 'base64');
  if (bytes.toString('latin1', 0, containerMagic.length) !== containerMagic) return undefined;
  let at = containerMagic.length;
  const next = (): Buffer => {
    const length = at + 4 <= bytes.length ? bytes.readUInt32BE(at) : 0;
    const field = bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    return field;
  };
  for (let field = 0; field < 3; field++) next();
  at += 4;
  const key = next();
  const type = key.length > 4 ? key.toString('latin1', 4, 4 + key.readUInt32BE(0)) : '';
  return `${type} ${key.toString('base64')}`;
}
