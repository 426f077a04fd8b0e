/** A repository's place behind SFTP, for one test: a server and a home of its own, a folder, and ways to open it. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openBackend } from '../../src/app/open-backend.ts';
import type { StorageOptions } from '../../src/app/storage-options.ts';
import { HoldfastError } from '../../src/base/errors.ts';
import type { Backend, StoredFile } from '../../src/storage/backend.ts';
import { requireSsh, type SshHome, type SshServer, type SshServerOptions, sshScene } from './ssh-server.ts';

export interface SftpScene {
  readonly server: SshServer;
  readonly home: SshHome;
  /** The repository's folder, which is not there yet. */
  readonly place: string;
  readonly open: (options?: StorageOptions, location?: string) => Promise<Backend>;
}

/** Nothing is repeated unless the options say so. */
export async function openPlace(location: string, home: SshHome, options: StorageOptions = {}): Promise<Backend> {
  return await openBackend(location, { environment: home.environment, retryMs: 0, ...options });
}

/** Undefined, and the test skipped, where there is no sshd. */
export async function sftpScene(t: TestContext, options: Partial<SshServerOptions> = {}): Promise<SftpScene | undefined> {
  if (requireSsh(t) === undefined) return undefined;
  const { server, home } = await sshScene(t, options);
  const parent = mkdtempSync(join(tmpdir(), 'holdfast-sftp-place-'));
  const place = join(parent, 'repository');
  const backends: Backend[] = [];
  t.after(async () => {
    for (const backend of backends) await backend.close();
    rmSync(parent, { recursive: true, force: true });
  });
  const open = async (more: StorageOptions = {}, location = server.location(place)): Promise<Backend> => {
    const backend = await openPlace(location, home, more);
    backends.push(backend);
    return backend;
  };
  return { server, home, place, open };
}

export async function failureOf(work: Promise<unknown>): Promise<HoldfastError> {
  const error: unknown = await work.then(
    () => 'it succeeded',
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof HoldfastError, String(error));
  return error;
}

export function randomPack(size: number): { file: StoredFile; bytes: Buffer } {
  const bytes = randomBytes(size);
  return { file: { kind: 'pack', name: createHash('sha256').update(bytes).digest('hex') }, bytes };
}
