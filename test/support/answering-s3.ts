/** An S3 backend before a server that answers as a test wants it, which no good server does. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock, systemRandomness } from '../../src/base/clock.ts';
import { HoldfastError } from '../../src/base/errors.ts';
import { S3Backend } from '../../src/storage/s3/s3-backend.ts';
import { S3Connection, type S3ConnectionOptions } from '../../src/storage/s3/s3-connection.ts';
import { StagingArea } from '../../src/storage/staging-area.ts';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface Choices extends Partial<Pick<S3ConnectionOptions, 'stallMs' | 'connections'>> {
  readonly listsByFirstVersion?: boolean;
  readonly isRegionFixed?: boolean;
  readonly isPathStyle?: boolean;
}

export async function backendBefore(t: TestContext, answer: Answer, choices: Choices = {}): Promise<S3Backend> {
  return await backendAt(t, `http://127.0.0.1:${await startServer(t, answer)}`, choices);
}

/** @returns the port of the server, which ends with the test */
export async function startServer(t: TestContext, answer: Answer): Promise<number> {
  const server = createServer(answer);
  server.on('checkContinue', answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : assert.fail('a server has no port');
}

export async function backendAt(t: TestContext, url: string, choices: Choices): Promise<S3Backend> {
  const { stallMs = 5000, connections = 5, listsByFirstVersion = false, isRegionFixed = true, isPathStyle = true } = choices;
  const connection = new S3Connection({
    endpoint: { url, region: 'us-east-1', isRegionFixed, isPathStyle },
    bucket: 'bucket',
    credentials: { accessKeyId: 'the-id', secretAccessKey: 'the-secret', sessionToken: 'the-token' },
    tls: { isUnverified: false },
    connections,
    stallMs,
    location: 's3:http://127.0.0.1/bucket',
  });
  const parent = await mkdtemp(join(tmpdir(), 'holdfast-s3-unit-'));
  const staging = new StagingArea({ parent, makesParent: false, clock: systemClock, random: systemRandomness });
  const backend = new S3Backend({ connection, prefix: 'r', rules: {}, listsByFirstVersion, staging, clock: systemClock });
  t.after(async () => {
    await backend.close();
    await rm(parent, { recursive: true, force: true });
  });
  return backend;
}

/** The error with which the work ends. */
export async function failureOf(work: Promise<unknown>): Promise<HoldfastError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof HoldfastError, String(error));
  return error;
}

export function refuse(response: ServerResponse, status: number, code: string, more = '', headers: Record<string, string> = {}): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>words of the server</Message>${more}</Error>`;
  response.writeHead(status, { 'Content-Type': 'application/xml', ...headers }).end(body);
}

/** One page of a list: keys of objects of five bytes, and what else is to be in it. */
export function page(keys: readonly string[], rest = ''): string {
  const objects = keys.map((key) => `<Contents><Key>${key}</Key><Size>5</Size></Contents>`).join('');
  return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${objects}${rest}</ListBucketResult>`;
}
