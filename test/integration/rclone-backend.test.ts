/** The rclone backend against rclone itself: a folder, and an encrypted one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { openBackend } from '../../src/app/open-backend.ts';
import { describeBackend } from '../../src/storage/conformance.ts';
import { newestRclone, type PeerName, requirePeer, systemRclone } from '../support/peers.ts';
import { writeRcloneConfig } from '../support/rclone-config.ts';

const programs: readonly [PeerName, string | undefined, readonly string[]][] = [
  ['newest rclone', newestRclone()?.path, ['folder', 'secret']],
  // Far older in Debian's stable release: its answers differ.
  ['system rclone', systemRclone()?.path, ['folder']],
];

for (const [name, program, remotes] of programs) {
  if (program === undefined) it(`the ${name} is there`, (t) => void requirePeer(t, name));
  else for (const remote of remotes) describeRemote(name, program, remote);
}

function describeRemote(name: string, program: string, remote: string): void {
  describeBackend(`RcloneBackend before the remote "${remote}" of the ${name}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-rclone-'));
    const environment = { ...process.env, RCLONE_CONFIG: await writeRcloneConfig(folder) };
    const location = `rclone:${remote}:${remote === 'folder' ? folder : ''}/place`;
    const open = () => openBackend(location, { extended: [`rclone.program=${program}`], environment, retryMs: 0 });
    return { backend: await open(), reopen: open, dispose: async () => await rm(folder, { recursive: true, force: true }) };
  });
}
