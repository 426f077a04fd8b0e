/** Counters of the server, in the text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/). */
import type { Client } from './client.ts';
import type { Outcome } from './repository-service.ts';
import type { Amount } from './usage.ts';

export interface FinishedRequest {
  readonly outcome: Outcome;
  readonly status: number;
  readonly received: number;
  readonly sent: number;
  readonly ms: number;
}

export interface ClientState {
  readonly client: Client;
  readonly used: Amount;
}

/** Seconds: from an answer out of memory to a large file over a slow link. */
const durationBounds = [0.01, 0.1, 1, 10, 100] as const;

/** Labels come from fixed sets and from the file of clients: nobody can make their number grow. */
export class ServerMetrics {
  readonly #requests = new Map<string, number>();
  readonly #bytes = new Map<string, number>();
  readonly #refusals = new Map<string, number>();
  readonly #durations: number[] = durationBounds.map(() => 0);
  #durationSumS = 0;
  #finished = 0;
  running = 0;
  connections = 0;

  note({ outcome, status, received, sent, ms }: FinishedRequest): void {
    const { address, client, refusal } = outcome;
    const labels = { action: address?.action ?? 'none', kind: address?.kind ?? 'none', status: String(status) };
    add(this.#requests, labelText(labels), 1);
    if (refusal !== undefined) add(this.#refusals, labelText({ reason: refusal.kind }), 1);
    const name = client?.name ?? '';
    if (received > 0) add(this.#bytes, labelText({ client: name, direction: 'received' }), received);
    if (sent > 0) add(this.#bytes, labelText({ client: name, direction: 'sent' }), sent);
    this.#finished++;
    this.#durationSumS += ms / 1000;
    for (const [at, bound] of durationBounds.entries()) if (ms / 1000 <= bound) this.#durations[at] = (this.#durations[at] ?? 0) + 1;
  }

  render(clients: readonly ClientState[]): string {
    return [
      ...family('holdfast_serve_requests_total', 'counter', 'Requests that were answered.', this.#requests),
      ...family('holdfast_serve_bytes_total', 'counter', 'Bytes of files and lists.', this.#bytes),
      ...family('holdfast_serve_refusals_total', 'counter', 'Requests that were refused, by reason.', this.#refusals),
      ...this.#durationLines(),
      ...family('holdfast_serve_requests_running', 'gauge', 'Requests under way.', new Map([['', this.running]])),
      ...family('holdfast_serve_connections', 'gauge', 'Open connections.', new Map([['', this.connections]])),
      ...clientLines(clients),
      ...family('process_resident_memory_bytes', 'gauge', 'Memory of the process.', new Map([['', process.memoryUsage.rss()]])),
      ...family('process_start_time_seconds', 'gauge', 'When the process started.', new Map([['', startTimeS()]])),
      '',
    ].join('\n');
  }

  #durationLines(): string[] {
    const name = 'holdfast_serve_request_seconds';
    return [
      `# HELP ${name} From the head of a request to the end of its answer.`,
      `# TYPE ${name} histogram`,
      ...durationBounds.map((bound, at) => `${name}_bucket{le="${bound}"} ${this.#durations[at] ?? 0}`),
      `${name}_bucket{le="+Inf"} ${this.#finished}`,
      `${name}_sum ${this.#durationSumS}`,
      `${name}_count ${this.#finished}`,
    ];
  }
}

function clientLines(clients: readonly ClientState[]): string[] {
  const values = (pick: (state: ClientState) => number | undefined): Map<string, number> => {
    const rows = new Map<string, number>();
    for (const state of clients) {
      const value = pick(state);
      if (value !== undefined) rows.set(labelText({ client: state.client.name }), value);
    }
    return rows;
  };
  return [
    ...family(
      'holdfast_serve_client_used_bytes',
      'gauge',
      'Of clients with a quota.',
      values(({ used }) => used.bytes),
    ),
    ...family(
      'holdfast_serve_client_used_files',
      'gauge',
      'Of clients with a quota.',
      values(({ used }) => used.files),
    ),
    ...family(
      'holdfast_serve_client_quota_bytes',
      'gauge',
      'The limit.',
      values(({ client }) => client.quota.bytes),
    ),
    ...family(
      'holdfast_serve_client_quota_files',
      'gauge',
      'The limit.',
      values(({ client }) => client.quota.files),
    ),
  ];
}

function family(name: string, type: 'counter' | 'gauge', help: string, values: ReadonlyMap<string, number>): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...[...values].map(([labels, value]) => `${name}${labels} ${value}`)];
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const escape = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escape(value)}"`)
    .join(',')}}`;
}

function add(values: Map<string, number>, key: string, amount: number): void {
  values.set(key, (values.get(key) ?? 0) + amount);
}

function startTimeS(): number {
  return Math.round(Date.now() / 1000 - process.uptime());
}
