/** Every request passes here: it is answered by the service, counted, and written to the access log. */
import type { Clock } from '../base/clock.ts';
import type { AccessLog } from './access-log.ts';
import type { Exchange } from './exchange.ts';
import type { ServerMetrics } from './metrics.ts';
import type { Outcome, RepositoryService } from './repository-service.ts';

export interface Observers {
  readonly metrics: ServerMetrics;
  readonly log?: AccessLog | undefined;
  readonly clock: Clock;
  /** Told what failed in the server itself, and no client may know. */
  readonly onFailure: (message: string) => void;
}

/** What a client sends as an address may be long, and its end says little. */
const maxPathLength = 300;
const nsPerMs = 1_000_000n;

/** Resolves when the answer has gone out, or the client has gone. */
export async function serveObserved(service: RepositoryService, exchange: Exchange, observers: Observers): Promise<void> {
  const { metrics, clock } = observers;
  const { response } = exchange;
  const startMs = clock.monotonicMs();
  const ended = new Promise<boolean>((resolve) => {
    response.once('finish', () => resolve(true));
    response.once('close', () => resolve(false));
  });
  // A client that goes away in the middle is no failure of ours.
  response.on('error', () => {});
  exchange.request.on('error', () => {});
  metrics.running++;
  try {
    const outcome = await service.handle(exchange);
    const isWhole = await ended;
    note(exchange, outcome, isWhole, clock.monotonicMs() - startMs, observers);
  } finally {
    metrics.running--;
  }
}

function note(exchange: Exchange, outcome: Outcome, isWhole: boolean, ms: number, { metrics, log, clock, onFailure }: Observers): void {
  const { request, response, transferred, peer } = exchange;
  const { client, refusal, failure } = outcome;
  metrics.note({ outcome, status: response.statusCode, ...transferred, ms });
  if (failure !== undefined && isWhole) onFailure(failure.message);
  log?.write({
    time: new Date(Number(clock.nowNs() / nsPerMs)).toISOString(),
    peer,
    ...(client === undefined ? {} : { client: client.name }),
    method: (request.method ?? '').slice(0, 16),
    path: (request.url ?? '').split('?', 1)[0]?.slice(0, maxPathLength) ?? '',
    status: response.statusCode,
    ...transferred,
    ms: Math.round(ms),
    ...(refusal === undefined ? {} : { refusal: refusal.kind, reason: refusal.message }),
    ...(failure === undefined ? {} : { failure: failure.message }),
    ...(isWhole ? {} : { aborted: true }),
  });
}
