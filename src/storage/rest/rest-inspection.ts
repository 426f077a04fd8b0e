/** What a REST server tells beyond its files: the time of its answers, and one of our own the room. */
import { readHttpClock } from '../http-clock.ts';
import type { CallOptions } from '../backend.ts';
import type { ClockOptions, ClockReading, StorageInspection, StorageSpace } from '../inspection.ts';
import { askRoomHeader, askRoomValue, roomHeaders } from '../room-headers.ts';
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

  async space({ signal }: CallOptions = {}): Promise<StorageSpace | undefined> {
    const headers = { [askRoomHeader]: askRoomValue };
    const answer = await this.#client.ask({ method: 'HEAD', path: 'config', what: 'asking for the room', headers, signal });
    await discard(answer);
    const told = Object.entries(roomHeaders).flatMap(([name, header]) => {
      const value = answer.headers[header];
      return typeof value === 'string' && /^\d{1,15}$/.test(value) ? [[name, Number(value)] as const] : [];
    });
    return told.length === 0 ? undefined : (Object.fromEntries(told) as StorageSpace);
  }
}
