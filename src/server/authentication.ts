/**
 * Who sent a request: by name and password (HTTP Basic), by a client certificate, or, where that is how the server was started, the one
 * client that there is.
 *
 * A password is hashed once and then known again by a keyed digest, for a client sends it with every request. Hashing takes memory and
 * time on purpose: only a few run at once, some wait, and whoever comes then is told to come back, so that guesses cost the server
 * bounded memory and leave those who are known already alone.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { isPassword, nobodysHash, type PasswordHash } from '../crypto/password-hash.ts';
import type { Client } from './client.ts';
import type { Exchange } from './exchange.ts';
import { Refusal } from './refusal.ts';

export interface Authentication {
  /** @throws Refusal 401, or 503 when too many passwords are being proved */
  identify(exchange: Exchange): Promise<Client>;
}

/** Of 64 MiB each with our own hashes. */
const hashesAtOnce = 2;
const mostWaiting = 64;
/** Proved and refused passwords that are known again; the oldest goes first. */
const mostRemembered = 4096;
const maxCredentialsLength = 1024;
const busyRetryS = 2;

export function everybodyIs(client: Client): Authentication {
  return { identify: async () => client };
}

export class ClientAuthentication implements Authentication {
  readonly #key = randomBytes(32);
  readonly #nobody = nobodysHash();
  readonly #known = new Map<string, Promise<boolean>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #byName = new Map<string, Client>();
  #byCertificate = new Map<string, Client>();

  constructor(clients: readonly Client[]) {
    this.replaceClients(clients);
  }

  /** What was proved before counts no more. */
  replaceClients(clients: readonly Client[]): void {
    this.#byName = new Map(clients.map((client) => [client.name, client]));
    this.#byCertificate = new Map(
      clients.flatMap((client) => (client.certificateName === undefined ? [] : [[client.certificateName, client]])),
    );
    this.#known.clear();
  }

  async identify({ request, certificateName }: Exchange): Promise<Client> {
    const credentials = request.headers.authorization;
    if (credentials !== undefined) return await this.#byPassword(credentials);
    const client = certificateName === undefined ? undefined : this.#byCertificate.get(certificateName);
    if (client !== undefined) return client;
    throw certificateName === undefined
      ? refused('name and password, or a client certificate, are needed')
      : refused('the client certificate belongs to no client');
  }

  async #byPassword(credentials: string): Promise<Client> {
    const { name, password } = parseBasic(credentials);
    const client = this.#byName.get(name);
    const isRight = await this.#isProved(name, password, client?.password);
    // The same client as before the password was proved: the file of clients may have been read again.
    if (client !== undefined && isRight && this.#byName.get(name) === client) return client;
    throw refused('name or password is wrong');
  }

  async #isProved(name: string, password: string, hash: PasswordHash | undefined): Promise<boolean> {
    const key = createHmac('sha256', this.#key).update(`${name}\0${password}`).digest('base64');
    const known = this.#known.get(key);
    if (known !== undefined) return await known;
    if (this.#waiting.length >= mostWaiting) throw new Refusal(503, 'busy', 'too many passwords are being proved', busyRetryS);
    const proof = this.#prove(password, hash);
    this.#known.set(key, proof);
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostRemembered && oldest !== undefined) this.#known.delete(oldest);
    try {
      return await proof;
    } catch (error) {
      this.#known.delete(key);
      throw error;
    }
  }

  async #prove(password: string, hash: PasswordHash | undefined): Promise<boolean> {
    if (this.#running >= hashesAtOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      // As long for a name that nobody has: the time of the answer tells no names.
      return (await isPassword(password, hash ?? this.#nobody)) && hash !== undefined;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

function parseBasic(credentials: string): { readonly name: string; readonly password: string } {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(credentials) ?? [];
  if (encoded === undefined || encoded.length > maxCredentialsLength) throw refused('name and password are not readable');
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return { name: text.slice(0, Math.max(0, colon)), password: text.slice(colon + 1) };
}

function refused(reason: string): Refusal {
  return new Refusal(401, 'password', reason);
}
