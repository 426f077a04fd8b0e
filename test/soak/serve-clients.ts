/**
 * A thousand clients at once on one server: most transfer, some stand still, some drip, some break off. The server's memory stays within
 * bounds, honest clients get what they asked for, and nothing is left.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { randomNumbers } from '../support/generated-tree.ts';
import { ask, idOf, open } from '../support/raw-http.ts';
import { ServedFolder } from '../support/serve.ts';
import { makeRepository } from '../support/served.ts';
import { soak } from '../support/soak.ts';

const clients = 1000;
const rounds = Number(process.env['SOAK_ROUNDS'] ?? 3);
const packBytes = 4 << 20;
/** Some hundred KB for each connection, as docs/serve.md says. */
const maxGrownMib = 400;

await soak(async () => {
  const seed = Number(process.env['SOAK_SEED'] ?? Date.now() % 1_000_000);
  process.stdout.write(`seed ${seed}\n`);
  const random = randomNumbers(seed);
  await using server = await ServedFolder.start();
  const folder = makeRepository(server.folder);
  const packs = Array.from({ length: 20 }, () => randomBytes(packBytes));
  for (const pack of packs) assert.equal((await send(server.port, pack)).status, 200);
  const idleMib = memoryMib(server);
  let mostMib = idleMib;
  const watch = setInterval(() => (mostMib = Math.max(mostMib, memoryMib(server))), 50);
  for (let round = 1; round <= rounds; round++) {
    const begun = performance.now();
    const outcomes = await Promise.all(Array.from({ length: clients }, (_, n) => behave(server.port, packs, n, random())));
    const count = (what: string): number => outcomes.filter((outcome) => outcome === what).length;
    process.stdout.write(
      `round ${round}: ${count('sent')} sent, ${count('loaded')} loaded, ${count('listed')} listed, ${count('gave up')} gave up, ` +
        `${Math.round(performance.now() - begun)} ms, at most ${mostMib} MiB\n`,
    );
  }
  clearInterval(watch);
  assert.ok(mostMib - idleMib < maxGrownMib, `the server grew from ${idleMib} to ${mostMib} MiB`);
  await delay(1000);
  for (const name of readdirSync(join(folder, 'tmp'))) assert.deepEqual(readdirSync(join(folder, 'tmp', name)), []);
  for (const prefix of readdirSync(join(folder, 'data'))) {
    for (const name of readdirSync(join(folder, 'data', prefix)))
      assert.equal(idOf(readFileSync(join(folder, 'data', prefix, name))), name);
  }
  assert.equal(await server.stop('SIGTERM'), 0);
});

/** What the n-th client does: three of ten are not honest. */
async function behave(port: number, packs: readonly Buffer[], n: number, drawn: number): Promise<string> {
  const pack = packs[Math.floor(drawn * packs.length)] ?? Buffer.alloc(0);
  switch (n % 10) {
    case 0:
      return await standStill(port, `POST /r/data/${idOf(pack)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${packBytes}\r\n\r\n`);
    case 1:
      return await standStill(port, 'GET /r/data/ HTT');
    case 2:
      return await standStill(port, `GET /r/data/${idOf(pack)} HTTP/1.1\r\nHost: x\r\n\r\n`);
    case 3:
    case 4:
      assert.equal((await send(port, randomBytes(200_000 + n))).status, 200);
      return 'sent';
    case 5:
      assert.equal((await ask(port, { method: 'GET', path: '/r/data/' })).status, 200);
      return 'listed';
    default: {
      const answer = await ask(port, { method: 'GET', path: `/r/data/${idOf(pack)}` });
      assert.ok(answer.body.equals(pack), 'what comes is what was stored');
      return 'loaded';
    }
  }
}

/** Says something, and then nothing more: for as long as the others work. */
async function standStill(port: number, text: string): Promise<string> {
  const socket = await open(port);
  socket.pause();
  socket.write(text);
  await delay(5000);
  socket.destroy();
  return 'gave up';
}

async function send(port: number, bytes: Buffer) {
  return await ask(port, { method: 'POST', path: `/r/data/${idOf(bytes)}`, body: bytes });
}

function memoryMib(server: ServedFolder): number {
  const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}
