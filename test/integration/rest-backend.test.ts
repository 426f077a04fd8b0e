/** The REST client against restic's own server. */
import { randomBytes } from 'node:crypto';
import { it } from 'node:test';
import { openBackend } from '../../src/app/open-backend.ts';
import { describeBackend } from '../../src/storage/conformance.ts';
import { newestRestServer, requirePeer } from '../support/peers.ts';
import { RestServer } from '../support/rest-server.ts';

const binary = newestRestServer()?.path;

if (binary === undefined) it('the REST server is there', (t) => void requirePeer(t, 'rest-server'));
else {
  describeBackend('RestBackend before rest-server', async () => {
    const server = await RestServer.start({ binary });
    const location = server.location(`/${randomBytes(4).toString('hex')}/`);
    return {
      backend: await openBackend(location),
      reopen: async () => await openBackend(location),
      dispose: async () => await server[Symbol.asyncDispose](),
    };
  });
}
