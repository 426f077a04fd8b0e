/** Holdfast's client against Holdfast's server: the contract of backends holds over each of the ways between them. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { systemClock, systemRandomness } from '../../src/base/clock.ts';
import { openBackend } from '../../src/app/open-backend.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { describeBackend } from '../../src/storage/conformance.ts';
import { RestBackend } from '../../src/storage/rest/rest-backend.ts';
import { StdioTransport } from '../../src/storage/rest/stdio-transport.ts';
import { StagingArea } from '../../src/storage/staging-area.ts';
import { holdfastPath } from '../support/holdfast.ts';
import { anybody, ServedFolder } from '../support/serve.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-serve-unix-'));
const socket = join(folder, 'socket');
const nearby = await ServedFolder.start({ args: [...anybody, '--listen', '127.0.0.1:0', '--listen', `unix:${socket}`] });
after(async () => {
  await nearby[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

for (const [name, place] of [
  ['', nearby.location()],
  [' at a Unix socket', `rest:http+unix://${socket}:/`],
] as const) {
  describeBackend(`RestBackend before holdfast serve${name}`, async () => {
    const location = `${place}${randomBytes(4).toString('hex')}/`;
    return { backend: await openBackend(location), reopen: async () => await openBackend(location), dispose: async () => {} };
  });
}

describeBackend('RestBackend before holdfast serve --stdio', async () => {
  const own = mkdtempSync(join(tmpdir(), 'holdfast-serve-stdio-'));
  const open = async (): Promise<Backend> => {
    const client = new StdioTransport({
      program: { name: 'holdfast', command: holdfastPath, args: ['serve', '--stdio', '--path', join(own, 'served')] },
      path: '/one/',
      location: 'stdio:/one/',
      connections: 5,
      stallMs: 20_000,
    });
    const staging = new StagingArea({ parent: own, makesParent: false, clock: systemClock, random: systemRandomness });
    return new RestBackend({ client, location: 'stdio:/one/', staging });
  };
  return { backend: await open(), reopen: open, dispose: async () => rmSync(own, { recursive: true, force: true }) };
});
