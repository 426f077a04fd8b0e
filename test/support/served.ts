/** The server in the process of the test, over a folder of its own: for limits that a person cannot set. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openServedFolder } from '../../src/app/served-folder.ts';
import { systemClock } from '../../src/base/clock.ts';
import { everybodyIs } from '../../src/server/authentication.ts';
import type { Client } from '../../src/server/client.ts';
import { RepositoryServer, type RepositoryServerOptions } from '../../src/server/repository-server.ts';

export interface Served {
  readonly root: string;
  readonly port: number;
  readonly server: RepositoryServer;
}

export async function serveHere(
  t: Pick<TestContext, 'after'>,
  { client = {}, ...options }: Partial<RepositoryServerOptions> & { readonly client?: Partial<Client> } = {},
): Promise<Served> {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-served-'));
  const server = await RepositoryServer.start({
    root,
    openFolder: openServedFolder,
    authentication: everybodyIs({ name: 'tester', repositories: [[]], rights: 'full', quota: {}, deletionDelayMs: 0, ...client }),
    clock: systemClock,
    keepFreeBytes: 0,
    emptiesTrash: true,
    addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    onFailure: () => {},
    ...options,
  });
  t.after(async () => {
    await server.stop(0);
    rmSync(root, { recursive: true, force: true });
  });
  return { root, server, port: Number(new URL(server.addresses[0] ?? '').port) };
}

/** A repository as far as a server can tell. */
export function makeRepository(root: string, name = 'r'): string {
  const folder = join(root, name);
  for (const kind of ['data', 'index', 'keys', 'locks', 'snapshots']) mkdirSync(join(folder, kind), { recursive: true });
  writeFileSync(join(folder, 'config'), 'config', { mode: 0o400 });
  return folder;
}
