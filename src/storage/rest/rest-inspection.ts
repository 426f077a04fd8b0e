/** What a REST server tells beyond its files: the time of its answers. */
import { readHttpClock } from '../http-clock.ts';
import type { ClockOptions, ClockReading, StorageInspection } from '../inspection.ts';
import { discard } from './response-body.ts';
import type { RestTransport } from './rest-transport.ts';

export class RestInspection implements StorageInspection {
  readonly #client: RestTransport;

  constructor(client: RestTransport) {
    this.#client = client;
  }

  async clock({ signal }: ClockOptions): Promise<ClockReading | undefined> {
    const beforeMs = Date.now();
    const answer = await this.#client.ask({ method: 'HEAD', path: 'config', what: 'asking for the time', signal });
    const afterMs = Date.now();
    await discard(answer);
    return readHttpClock(answer.headers['date'], beforeMs, afterMs);
  }
}
