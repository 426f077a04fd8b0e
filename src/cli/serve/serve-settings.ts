/** From the options of `holdfast serve` to who may come, and where; combinations that make no sense, or are not safe, are refused. */
import { readFile } from 'node:fs/promises';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { Client } from '../../server/client.ts';
import { parseClients } from '../../server/clients-file.ts';
import { isNearby, type ListenAddress, parseListenAddress } from '../../server/listen-address.ts';
import type { TlsFiles } from '../../server/listener.ts';
import type { Rights } from '../../server/rights.ts';
import type { ServeValues } from './serve-options.ts';

const usualAddress = '127.0.0.1:8000';
const msPerDay = 86_400_000;
const maxDelayDays = 3650;
/** Options about the one client: where there is a file of clients, they stand there. */
const ofOneClient = ['append-only', 'write-only', 'quota', 'quota-files', 'deletion-delay'] as const;

/** None with --stdio, unless they are named. @throws HoldfastError `usage` */
export function listenAddresses({ listen, stdio }: ServeValues): ListenAddress[] {
  const texts = listen.length > 0 || stdio ? listen : [usualAddress];
  return texts.map(parseListenAddress);
}

/** @throws HoldfastError `usage` for what contradicts itself, and for what would let others in or their passwords out */
export function assertSensible(values: ServeValues, addresses: readonly ListenAddress[]): void {
  const { stdio, clients, as, metrics } = values;
  const isOpen = values['no-auth'];
  if (clients === undefined && !isOpen && !stdio) {
    throw usage('nothing says who may come', 'Give a file of clients with --clients, or --no-auth for everybody who can connect.');
  }
  if (clients !== undefined && isOpen) throw usage('--clients and --no-auth contradict each other', 'Give one of them.');
  if (stdio && clients !== undefined && as === undefined) {
    throw usage('with --stdio a file of clients does not say who the client is', 'Add --as NAME: sshd has proved who it is.');
  }
  if (as !== undefined && (clients === undefined || !stdio)) throw usage('--as is for --stdio with --clients', 'Leave --as out.');
  if (stdio && addresses.length > 0) throw usage('--stdio and --listen contradict each other', 'Start one server for each.');
  const misplaced = ofOneClient.find((name) => clients !== undefined && values[name] !== undefined && values[name] !== false);
  if (misplaced !== undefined) throw usage(`--${misplaced} contradicts --clients`, 'Say it in the file of clients.');
  if (values['append-only'] && values['write-only']) {
    throw usage('--append-only and --write-only contradict each other', 'Give --write-only alone: it removes nothing either.');
  }
  if (values['client-ca'] !== undefined && values['tls-cert'] === undefined) {
    throw usage('--client-ca needs --tls-cert', 'Certificates of clients are shown over TLS alone.');
  }
  if (values['tls-key'] !== undefined && values['tls-cert'] === undefined)
    throw usage('--tls-key needs --tls-cert', 'Add --tls-cert FILE.');
  assertSafe(values, addresses);
  if (metrics !== undefined) parseListenAddress(metrics);
}

function assertSafe(values: ServeValues, addresses: readonly ListenAddress[]): void {
  if (values['insecure-listen'] || addresses.every(isNearby)) return;
  const hint = 'Listen at 127.0.0.1 or a Unix socket; or, where something else guards the way, add --insecure-listen.';
  if (values['no-auth']) throw usage('--no-auth at an address that other machines can reach lets everybody in', hint);
  if (values['tls-cert'] === undefined) {
    throw usage('without TLS, passwords would go over the network in the clear', `Add --tls-cert and --tls-key. ${hint}`);
  }
}

/** @throws HoldfastError `usage` naming the file and the line */
export async function readClients(path: string): Promise<Client[]> {
  return parseClients(await readText(path, '--clients'), path);
}

/** Whoever comes without a file of clients. */
export function oneClient(values: ServeValues): Client {
  const days = values['deletion-delay'] ?? 0;
  if (days > maxDelayDays) throw usage(`--deletion-delay cannot be ${days}`, `Give up to ${maxDelayDays} days.`);
  return {
    name: values.stdio ? 'stdio' : 'everybody',
    repositories: [[]],
    rights: oneRights(values),
    quota: { bytes: values.quota, files: values['quota-files'] },
    deletionDelayMs: days * msPerDay,
  };
}

/** @throws HoldfastError `not-found` */
export function namedClient(clients: readonly Client[], name: string, path: string): Client {
  const found = clients.find((client) => client.name === name);
  if (found !== undefined) return found;
  throw new HoldfastError('not-found', `there is no client ${JSON.stringify(name)} in ${path}`, { hint: 'Check --as and the file.' });
}

/** Undefined without --tls-cert. @throws HoldfastError `usage` for files that are no certificate and key */
export async function readTlsFiles(values: ServeValues): Promise<TlsFiles | undefined> {
  const path = values['tls-cert'];
  if (path === undefined) return undefined;
  const keyPath = values['tls-key'] ?? path;
  const authority = values['client-ca'];
  const files = {
    certificate: await readPem(path, '--tls-cert'),
    key: await readPem(keyPath, '--tls-key'),
    clientAuthorities: authority === undefined ? undefined : await readPem(authority, '--client-ca'),
  };
  const { createSecureContext } = await import('node:tls');
  try {
    createSecureContext({ cert: files.certificate, key: files.key, ...(authority === undefined ? {} : { ca: files.clientAuthorities }) });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw usage(`the certificate ${path} and the key ${keyPath} are not usable together: ${reason}`, 'Check both with openssl.');
  }
  return files;
}

function oneRights(values: ServeValues): Rights {
  if (values['write-only']) return 'write-only';
  return values['append-only'] ? 'append-only' : 'full';
}

async function readPem(path: string, option: string): Promise<string> {
  const text = await readText(path, option);
  if (text.includes('-----BEGIN ')) return text;
  throw usage(`the file of ${option} holds nothing in the PEM format: ${path}`, 'Convert it with openssl.');
}

async function readText(path: string, option: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new HoldfastError('usage', `the file of ${option} cannot be read: ${asHoldfastError(error).message}`, { cause: error });
  }
}

function usage(message: string, hint: string): HoldfastError {
  return new HoldfastError('usage', message, { hint });
}
