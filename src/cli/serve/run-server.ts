/** Starts the server, tells where it listens, reads its files again on SIGHUP, and ends it in order. */
import { mkdir, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { resolve } from 'node:path';
import { openServedFolder } from '../../app/served-folder.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { AccessLog } from '../../server/access-log.ts';
import { type Authentication, ClientAuthentication, everybodyIs } from '../../server/authentication.ts';
import type { Client } from '../../server/client.ts';
import { parseListenAddress } from '../../server/listen-address.ts';
import { defaultGraceMs, RepositoryServer } from '../../server/repository-server.ts';
import type { CommandContext } from '../commands/command.ts';
import type { ServeValues } from './serve-options.ts';
import { assertSensible, listenAddresses, namedClient, oneClient, readClients, readTlsFiles } from './serve-settings.ts';

const defaultKeepFreeBytes = 100 << 20;
const rootMode = 0o700;

/** Resolves when the server has ended. */
export async function runServer(context: CommandContext, values: ServeValues): Promise<void> {
  const addresses = listenAddresses(values);
  assertSensible(values, addresses);
  const root = await servedFolder(values);
  const { authentication, onlyClient } = await authenticationFor(values);
  const logged = values['access-log'];
  const onFailure = (message: string): void => complain(context, message);
  const server = await RepositoryServer.start({
    root,
    openFolder: openServedFolder,
    authentication,
    clock: context.clock,
    keepFreeBytes: values['keep-free'] ?? defaultKeepFreeBytes,
    addresses,
    tls: await readTlsFiles(values),
    // Over ssh the root may be all that the machine has.
    emptiesTrash: !values.stdio || (onlyClient?.deletionDelayMs ?? 0) > 0,
    stdio: values.stdio ? standardStreams(context) : undefined,
    metricsAddress: values.metrics === undefined ? undefined : parseListenAddress(values.metrics),
    log: logged === undefined ? undefined : new AccessLog(logged === '-' ? process.stderr : logged, onFailure),
    onFailure,
    maxConnections: values['max-connections'],
  });
  if (!values.stdio) announce(context, server, root);
  const onHangup = (): void => void reload(context, values, server, authentication);
  if (!values.stdio) process.on('SIGHUP', onHangup);
  try {
    await Promise.race([fired(context.signal), server.stdioEnded()]);
  } finally {
    process.off('SIGHUP', onHangup);
    await server.stop(values['grace-time'] ?? defaultGraceMs);
  }
}

/** The folder is made where its parent is there: a disk that is not mounted must not be replaced by an empty folder. */
async function servedFolder({ path, stdio }: ServeValues): Promise<string> {
  if (path === undefined && !stdio) {
    throw new HoldfastError('usage', 'nothing says where the repositories are', { hint: 'Give their folder with --path.' });
  }
  const root = resolve(path ?? '.');
  try {
    await mkdir(root, { mode: rootMode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  if ((await stat(root)).isDirectory()) return root;
  throw new HoldfastError('usage', `${root} is no folder`, { hint: 'Give the folder of the repositories with --path.' });
}

interface WhoMayCome {
  readonly authentication: Authentication;
  /** Where there is but one. */
  readonly onlyClient?: Client;
}

async function authenticationFor(values: ServeValues): Promise<WhoMayCome> {
  const { clients: path, as } = values;
  if (path === undefined) return only(oneClient(values));
  const clients = await readClients(path);
  return as === undefined ? { authentication: new ClientAuthentication(clients) } : only(namedClient(clients, as, path));
}

function only(client: Client): WhoMayCome {
  return { authentication: everybodyIs(client), onlyClient: client };
}

/** A stream of its own for the output: what Node gives as stdout would stop the whole server while the client does not read. */
function standardStreams({ stdin }: CommandContext) {
  try {
    return { input: stdin, output: new Socket({ fd: 1, readable: false, writable: true }) };
  } catch (cause) {
    throw new HoldfastError('usage', '--stdio needs pipes as standard input and output', {
      hint: 'It is meant to be started by sshd or by another program.',
      cause,
    });
  }
}

function announce({ output }: CommandContext, server: RepositoryServer, root: string): void {
  const { addresses, metricsAddress } = server;
  if (output.isJson) {
    output.json({ message_type: 'listening', addresses, path: root, ...(metricsAddress === undefined ? {} : { metrics: metricsAddress }) });
    return;
  }
  for (const address of addresses) output.say(`serving ${root} at ${address}`);
  if (metricsAddress !== undefined) output.say(`metrics at ${metricsAddress}`);
}

/** What cannot be read leaves everything as it was. */
async function reload(
  context: CommandContext,
  values: ServeValues,
  server: RepositoryServer,
  authentication: Authentication,
): Promise<void> {
  try {
    const clients = values.clients === undefined ? undefined : await readClients(values.clients);
    const tls = await readTlsFiles(values);
    if (clients !== undefined && authentication instanceof ClientAuthentication) authentication.replaceClients(clients);
    if (tls !== undefined) server.replaceTls(tls);
    server.reopenLog();
    if (!context.output.isJson) context.output.complain('SIGHUP received: clients, certificates and log are those of now');
  } catch (error) {
    complain(context, `nothing was read again: ${asHoldfastError(error).message}`);
  }
}

function complain({ output }: CommandContext, message: string): void {
  output.complain(output.isJson ? JSON.stringify({ message_type: 'error', error: { message } }) : message);
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
