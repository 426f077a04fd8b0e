/** The servers that repositories are behind: each with how either program reaches it through a given port. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CephGateway, hasCeph } from '../../support/ceph-gateway.ts';
import { newestRestServer } from '../../support/peers.ts';
import { RestServer } from '../../support/rest-server.ts';
import { SshHome, SshServer } from '../../support/ssh-server.ts';
import type { Contestant } from '../contestants.ts';

export interface Reached {
  readonly location: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface LinkServer extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** @param name of the repository */
  reach(who: Contestant['name'], name: string, port: number): Reached;
}

export const serverNames = ['rest', 'sftp', 's3'] as const;
export type ServerName = (typeof serverNames)[number];

/** @returns the server, or why it cannot be had */
export async function startServer(name: ServerName, folder: string): Promise<LinkServer | string> {
  if (name === 'rest') return await startRest(folder);
  return name === 'sftp' ? await startSftp(folder) : await startS3();
}

async function startRest(parent: string): Promise<LinkServer | string> {
  const peer = newestRestServer();
  if (peer === undefined) return 'the newest rest-server cannot be had here';
  const folder = mkdtempSync(join(parent, 'rest-'));
  const server = await RestServer.start({ binary: peer.path, folder });
  return {
    name: `rest-server ${peer.version}`,
    port: server.port,
    reach: (_who, name, port) => ({ location: `rest:http://127.0.0.1:${port}/${name}/`, args: [], environment: {} }),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startSftp(parent: string): Promise<LinkServer> {
  const home = new SshHome();
  const server = await SshServer.start({ keys: [home.addKey()] });
  const folder = join(parent, 'sftp');
  mkdirSync(folder);
  return {
    name: 'sftp (OpenSSH)',
    port: server.port,
    reach: (who, name, port) => {
      home.trust(`[127.0.0.1]:${port} ${server.hostKey}`);
      // Stock ssh takes the user's home from the system, not from the environment.
      const identity = `-o IdentityFile=${join(home.folder, 'id_ed25519')} -o UserKnownHostsFile=${home.knownHosts}`;
      const command = `ssh -F none ${identity} -p ${port} ${server.user}@127.0.0.1 -s sftp`;
      return {
        location: `sftp://${server.user}@127.0.0.1:${port}/${join(folder, name)}`,
        args: who === 'restic' ? ['-o', `sftp.command=${command}`] : [],
        environment: home.environment,
      };
    },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      home[Symbol.dispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startS3(): Promise<LinkServer | string> {
  if (!hasCeph()) return 'there is no Ceph here: apt-get install ceph-mon ceph-osd ceph-common radosgw';
  const gateway = await CephGateway.start();
  return {
    name: 's3 (Ceph)',
    port: gateway.port,
    reach: (_who, name, port) => ({
      location: `s3:http://127.0.0.1:${port}/bench-${name}/repository`,
      args: [],
      environment: gateway.environment(),
    }),
    [Symbol.asyncDispose]: async () => await gateway[Symbol.asyncDispose](),
  };
}
