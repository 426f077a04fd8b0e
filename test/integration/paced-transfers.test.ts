/** Rates over HTTP: one large transfer goes evenly, and not at full speed with a wait at its end. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openBackend } from '../../src/app/open-backend.ts';
import type { StoredFile } from '../../src/storage/backend.ts';

const kibPerSecond = 1024;
const sizeBytes = 1 << 20;
/** What may go at once after a rest, and what buffers on the way hold. */
const slackBytes = 384 << 10;
const bytes = randomBytes(sizeBytes);
const file: StoredFile = { kind: 'pack', name: createHash('sha256').update(bytes).digest('hex') };

async function startServer(t: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    response.writeContinue();
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `rest:http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
}

describe('a rate over HTTP', () => {
  it('holds at every moment of an upload', async (t) => {
    const seen: { readonly ms: number; readonly total: number }[] = [];
    let received = Buffer.alloc(0);
    const location = await startServer(t, (request, response) => {
      request.on('data', (piece: Buffer) => {
        received = Buffer.concat([received, piece]);
        seen.push({ ms: performance.now(), total: received.length });
      });
      request.on('end', () => response.end());
    });
    await using backend = await openBackend(location, { limitUploadKib: kibPerSecond, retryMs: 0 });
    const staged = join(await backend.stagingFolder(), 'pack');
    writeFileSync(staged, bytes);
    const startMs = performance.now();
    await backend.adopt(file, staged);
    assert.ok(received.equals(bytes));
    for (const { ms, total } of seen)
      assert.ok(total <= ((ms - startMs) * kibPerSecond * 1024) / 1000 + slackBytes, `${total} bytes after ${ms - startMs} ms`);
    assert.ok(performance.now() - startMs >= 850);
  });

  it('holds a download back, down to the sender', async (t) => {
    const location = await startServer(t, (_request, response) => {
      response.writeHead(200, { 'Content-Length': sizeBytes });
      response.end(bytes);
    });
    await using backend = await openBackend(location, { limitDownloadKib: kibPerSecond, retryMs: 0 });
    const startMs = performance.now();
    assert.ok((await backend.load(file)).equals(bytes));
    assert.ok(performance.now() - startMs >= 850, `${performance.now() - startMs} ms`);
  });

  it('does not keep a signal waiting', async (t) => {
    const location = await startServer(t, (request, response) => {
      request.resume().on('end', () => response.end());
    });
    await using backend = await openBackend(location, { limitUploadKib: 1, retryMs: 0 });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 300);
    const startMs = performance.now();
    await assert.rejects(backend.save(file, bytes, { signal: controller.signal }), { code: 'cancelled' });
    assert.ok(performance.now() - startMs < 30_000);
  });
});
