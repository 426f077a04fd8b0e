/** Builds the backend for a folder behind SFTP. Loaded only when a location names one. */
import { userInfo } from 'node:os';
import { systemClock, systemRandomness } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';
import { ignoreEvents } from '../base/events.ts';
import { splitShellWords } from '../base/shell-words.ts';
import type { Backend } from '../storage/backend.ts';
import type { SftpLocation } from '../storage/location.ts';
import { ChannelPool } from '../storage/sftp/channel-pool.ts';
import { CommandConnection } from '../storage/sftp/command-connection.ts';
import { parseSftpAddress, type SftpAddress } from '../storage/sftp/sftp-address.ts';
import { SftpBackend } from '../storage/sftp/sftp-backend.ts';
import { type ConnectionOptions, type SftpConnection, SshSftpConnection } from '../storage/sftp/sftp-connection.ts';
import { SshConnector } from '../storage/sftp/ssh/ssh-connector.ts';
import { defaultRetryBudgetMs, RetryBackend } from '../storage/wrappers/retry-backend.ts';
import { farStaging } from './far-staging.ts';
import { countOption, defaultConnections, defaultStallMs, extendedOptions, type StorageOptions } from './storage-options.ts';
import { transferPaces } from './transfer-paces.ts';

type Connect = () => Promise<SftpConnection>;
type Given = ReadonlyMap<string, string>;

/** @throws HoldfastError `usage` for what is no address or an unusable option */
export async function openSftp({ address: text }: SftpLocation, options: StorageOptions): Promise<Backend> {
  const address = parseSftpAddress(text);
  const { clock = systemClock, random = systemRandomness, events = ignoreEvents, retryMs = defaultRetryBudgetMs } = options;
  const given = extendedOptions('sftp', options.extended ?? [], ['connections', 'command', 'args']);
  const { printable: location } = address;
  const connection = { location, stallMs: options.stallMs ?? defaultStallMs, paces: transferPaces(options) };
  const program = programOf(address, given);
  const connect = program === undefined ? throughSsh(address, connection, options) : throughProgram(program, connection);
  const pool = new ChannelPool({ connect, location, channels: countOption(given, 'connections', defaultConnections) });
  const backend = new SftpBackend({ pool, root: address.path, location, staging: farStaging(options), clock, random });
  return new RetryBackend(backend, { budgetMs: retryMs, clock, random, events });
}

/** As in restic: a command of the user's, or the system's ssh with more arguments. Undefined: no program is needed. */
function programOf({ host, port, user }: SftpAddress, given: Given): readonly [string, ...string[]] | undefined {
  const command = given.get('command');
  const args = given.get('args');
  if (command !== undefined && args !== undefined) {
    throw new HoldfastError('usage', 'the extended options "sftp.command" and "sftp.args" exclude each other', {
      hint: 'Put the arguments into the command.',
    });
  }
  if (command !== undefined) return splitShellWords(command, 'the extended option sftp.command');
  if (args === undefined) return undefined;
  const endpoint = [host, ...(port === undefined ? [] : ['-p', String(port)]), ...(user === undefined ? [] : ['-l', user])];
  return ['ssh', ...endpoint, ...splitShellWords(args, 'the extended option sftp.args'), '-s', 'sftp'];
}

function throughProgram(command: readonly [string, ...string[]], options: ConnectionOptions): Connect {
  return async () => new CommandConnection({ ...options, command });
}

function throughSsh({ host, user, port }: SftpAddress, connection: ConnectionOptions, options: StorageOptions): Connect {
  const { environment = process.env, events = ignoreEvents, sshPassphrase = async () => undefined } = options;
  const account = accountOf(environment);
  const connector = new SshConnector({
    home: environment['HOME'] ?? account.home,
    localUser: account.name,
    variable: (name) => environment[name],
    warn: (message) => events({ kind: 'warning', message }),
    askPassphrase: sshPassphrase,
  });
  return async () => new SshSftpConnection(await connector.connect({ host, user, port }), connection);
}

/** In a container a user may have a number and no name. */
function accountOf(environment: Readonly<Record<string, string | undefined>>): { readonly name: string; readonly home: string } {
  try {
    const { username, homedir } = userInfo();
    return { name: username, home: homedir };
  } catch {
    return { name: environment['LOGNAME'] ?? environment['USER'] ?? 'root', home: '/' };
  }
}
