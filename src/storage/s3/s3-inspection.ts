/** What an S3 server tells beyond its objects: the time of its answers. Nobody but its owner learns how large it may become. */
import { HeadBucketCommand } from '@aws-sdk/client-s3';
import { readHttpClock } from '../http-clock.ts';
import type { ClockOptions, ClockReading, StorageInspection } from '../inspection.ts';
import type { S3Connection } from './s3-connection.ts';
import { S3Call } from './sdk-http-handler.ts';

export class S3Inspection implements StorageInspection {
  readonly #connection: S3Connection;

  constructor(connection: S3Connection) {
    this.#connection = connection;
  }

  async clock({ signal }: ClockOptions): Promise<ClockReading | undefined> {
    const call = new S3Call({ what: 'asking for the time', abortSignal: signal });
    const parameters = { Bucket: this.#connection.bucket };
    const beforeMs = Date.now();
    try {
      await this.#connection.ask(call, (client) => client.send(new HeadBucketCommand(parameters), call));
    } catch (error) {
      // A refusal has a time, too.
      if (call.answer === undefined) throw error;
    }
    return readHttpClock(call.answer?.headers.date, beforeMs, Date.now());
  }
}
