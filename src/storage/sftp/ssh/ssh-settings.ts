/** How a host is reached: what the location says, else the configuration of ssh, else what ssh does by itself. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { HostConfig } from './ssh-config.ts';
import { type ConfigLine, unusableConfig } from './ssh-config-lines.ts';

export type HostKeyChecking = 'strict' | 'accept-new' | 'off';

export interface SshSettings {
  /** As it was given. */
  readonly alias: string;
  /** What is looked up and connected to. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The name under which the key of the host is known; `host` unless told. */
  readonly keyAlias: string | undefined;
  readonly identityFiles: readonly string[];
  readonly usesOnlyNamedIdentities: boolean;
  /** Path of the agent's socket. */
  readonly agentSocket: string | undefined;
  /** Files with keys of hosts: the user's, to the first of which new ones are added, and the system's. */
  readonly userKnownHosts: readonly string[];
  readonly systemKnownHosts: readonly string[];
  readonly checking: HostKeyChecking;
  readonly hashesKnownHosts: boolean;
  /** Hosts to go through, the nearest first. */
  readonly jumps: readonly string[];
  /** Run by a shell; its input and output are the connection. */
  readonly proxyCommand: string | undefined;
  readonly connectTimeoutMs: number | undefined;
  /** 0: whatever there is. */
  readonly addressFamily: 0 | 4 | 6;
}

export interface SettingsContext {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
  readonly localUser: string;
  readonly home: string;
  readonly variable: (name: string) => string | undefined;
}

/** In the order in which ssh tries them. */
const usualIdentities = ['id_rsa', 'id_ecdsa', 'id_ed25519'];
const checkings: Readonly<Record<string, HostKeyChecking>> = {
  yes: 'strict',
  ask: 'strict',
  'accept-new': 'accept-new',
  no: 'off',
  off: 'off',
};

/** @throws HoldfastError `usage` for a value that is not usable */
export function settleSettings(config: HostConfig, context: SettingsContext): SshSettings {
  const host = expandHostName(config.first('hostname'), context.host);
  const port = context.port ?? wholeNumber(config.first('port'), 65_535) ?? 22;
  const user = context.user ?? config.first('user')?.args[0] ?? context.localUser;
  const keyAlias = config.first('hostkeyalias')?.args[0];
  const proxy = proxyOf(config);
  const expand = expander({ ...context, user, address: host, port, alias: context.host, keyAlias, jumps: proxy.jumps });
  refuseWhatWouldWeaken(config);
  const timeout = wholeNumber(config.first('connecttimeout'), 86_400);
  return {
    alias: context.host,
    host,
    port,
    user,
    keyAlias,
    identityFiles: identityFiles(config, context.home, expand),
    usesOnlyNamedIdentities: flag(config.first('identitiesonly')) ?? false,
    agentSocket: agentSocket(config.first('identityagent'), context, expand),
    userKnownHosts:
      fileList(config.first('userknownhostsfile'), expand) ??
      ['known_hosts', 'known_hosts2'].map((name) => join(context.home, '.ssh', name)),
    systemKnownHosts: fileList(config.first('globalknownhostsfile'), expand) ?? ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'],
    checking: checking(config.first('stricthostkeychecking')),
    hashesKnownHosts: flag(config.first('hashknownhosts')) ?? false,
    jumps: proxy.jumps,
    proxyCommand: proxy.command === undefined ? undefined : expand(proxy.command.text, proxy.command.where),
    connectTimeoutMs: timeout === undefined ? undefined : timeout * 1000,
    addressFamily: addressFamily(config.first('addressfamily')),
  };
}

type Expand = (text: string, where: string) => string;

interface Tokens extends SettingsContext {
  readonly address: string;
  readonly alias: string;
  readonly keyAlias: string | undefined;
  readonly jumps: readonly string[];
}

/** Of the tokens of ssh_config(5) those that need no hash; `~` and `${VARIABLE}` too. */
function expander({ home, variable, localUser, user = localUser, address, alias, keyAlias, port, jumps }: Tokens): Expand {
  const tokens: Readonly<Record<string, string>> = {
    '%': '%',
    d: home,
    h: address,
    i: String(process.getuid?.() ?? 0),
    j: jumps.at(-1) ?? '',
    k: keyAlias ?? alias,
    L: hostname().split('.')[0] ?? '',
    l: hostname(),
    n: alias,
    p: String(port),
    r: user,
    u: localUser,
  };
  return (text, where) =>
    text.replace(/^~(?=\/|$)|%(.?)|\$\{(\w+)\}/gs, (whole, token: string | undefined, name: string | undefined) => {
      const value = token !== undefined ? tokens[token] : name !== undefined ? variable(name) : home;
      if (value === undefined) throw unusableConfig(where, `${whole} stands for nothing that is known`);
      return value;
    });
}

function expandHostName(line: ConfigLine | undefined, alias: string): string {
  if (line === undefined) return alias;
  const name = line.args[0].replace(/%([%h])/g, (_, token: string) => (token === 'h' ? alias : '%'));
  // As ssh: what it names becomes part of commands.
  if (/^-|['"`$\\;&<>|(){},\s\p{Cc}]/u.test(name)) throw unusableConfig(line.where, 'HostName is no usable name of a host');
  return name.replace(/^\[(.*)\]$/, '$1');
}

/** Of the two kinds of proxies the one that was named first counts. */
function proxyOf(config: HostConfig): { jumps: readonly string[]; command: ConfigLine | undefined } {
  const line = config.firstOf('proxyjump', 'proxycommand');
  if (line === undefined || isNone(line)) return { jumps: [], command: undefined };
  if (line.keyword === 'proxycommand') return { jumps: [], command: line };
  return { jumps: line.args[0].split(','), command: undefined };
}

function isNone({ args }: ConfigLine): boolean {
  return args[0].toLowerCase() === 'none';
}

function identityFiles(config: HostConfig, home: string, expand: Expand): string[] {
  const named = config.lines('identityfile');
  if (named.length === 0) return usualIdentities.map((name) => join(home, '.ssh', name));
  return named.filter((line) => !isNone(line)).map((line) => expand(line.args[0], line.where));
}

function agentSocket(line: ConfigLine | undefined, { variable }: SettingsContext, expand: Expand): string | undefined {
  const named = line?.args[0];
  if (line === undefined || named === undefined || named === 'SSH_AUTH_SOCK') return variable('SSH_AUTH_SOCK') || undefined;
  if (isNone(line)) return undefined;
  return named.startsWith('$') && !named.startsWith('${') ? variable(named.slice(1)) : expand(named, line.where);
}

function fileList(line: ConfigLine | undefined, expand: Expand): string[] | undefined {
  if (line === undefined) return undefined;
  return isNone(line) ? [] : line.args.map((path) => expand(path, line.where));
}

function checking(line: ConfigLine | undefined): HostKeyChecking {
  if (line === undefined) return 'strict';
  const known = checkings[line.args[0].toLowerCase()];
  if (known === undefined) throw unusableConfig(line.where, 'StrictHostKeyChecking is yes, ask, accept-new or no');
  return known;
}

function flag(line: ConfigLine | undefined): boolean | undefined {
  if (line === undefined) return undefined;
  const value = line.args[0].toLowerCase();
  if (value === 'yes' || value === 'true') return true;
  if (value === 'no' || value === 'false') return false;
  throw unusableConfig(line.where, `${line.keyword} is yes or no`);
}

function wholeNumber(line: ConfigLine | undefined, max: number): number | undefined {
  if (line === undefined || isNone(line)) return undefined;
  const value = /^\d{1,9}$/.test(line.args[0]) ? Number(line.args[0]) : Number.NaN;
  if (value >= 1 && value <= max) return value;
  throw unusableConfig(line.where, `${line.keyword} is a whole number from 1 to ${max}`);
}

function addressFamily(line: ConfigLine | undefined): 0 | 4 | 6 {
  const value = line?.args[0].toLowerCase();
  return value === 'inet' ? 4 : value === 'inet6' ? 6 : 0;
}

/** What forbids keys of hosts that would be accepted here must not be passed over. */
function refuseWhatWouldWeaken(config: HostConfig): void {
  const line = config.first('revokedhostkeys');
  if (line === undefined || isNone(line)) return;
  throw unusableConfig(line.where, 'RevokedHostKeys is not supported; mark such keys with @revoked in known_hosts, or use -o sftp.command');
}
