/** Draws what goes wrong on the way to a server. */
import type { LineFault } from './fault-proxy.ts';
import type { HttpFault } from './http-faults.ts';
import type { Faults } from './remote-places.ts';

const lineKinds = ['reset', 'reset', 'stall', 'delay'] as const;
const httpKinds = ['status', 'truncate', 'flip', 'twice', 'skew', 'lag'] as const;
const statuses = [500, 503, 429] as const;

/** Commands of these tests move about as much; of many draws the early ones are more, where handshakes, heads and small files are. */
const mostBytes = 150_000;
const mostRequests = 25;
const mostDownloads = 6;
const mostAtOnce = 3;
const longestDelayMs = 300;
const longestLagMs = 4000;
const mostSkewMs = 48 * 3_600_000;
/** Longer than any command may try: it ends at once. */
const hopelessRetryS = 600;

export function drawFaults(random: () => number, isHttp: boolean): Faults {
  const line: LineFault[] = [];
  const http: HttpFault[] = [];
  for (let count = 1 + Math.floor(random() * mostAtOnce); count > 0; count--) {
    if (isHttp && random() < 0.65) http.push(drawHttp(random));
    else line.push(drawLine(random));
  }
  return { line, http };
}

function drawLine(random: () => number): LineFault {
  const kind = pick(random, lineKinds);
  const direction = random() < 0.5 ? 'up' : 'down';
  const afterBytes = Math.floor(random() ** 2 * mostBytes);
  return { kind, direction, afterBytes, ms: Math.ceil(random() * longestDelayMs) };
}

function drawHttp(random: () => number): HttpFault {
  const kind = pick(random, httpKinds);
  const nthRequest = 1 + Math.floor(random() * mostRequests);
  const nthDownload = 1 + Math.floor(random() * mostDownloads);
  switch (kind) {
    case 'status':
      return {
        kind,
        nth: nthRequest,
        status: pick(random, statuses),
        retryAfterS: random() < 0.9 ? 1 : hopelessRetryS,
        isDone: random() < 0.3,
      };
    case 'truncate':
      return { kind, nth: nthDownload, share: random(), isSilent: random() < 0.5 };
    case 'flip':
      return { kind, nth: nthDownload, share: random() };
    case 'twice':
      return { kind, nth: nthRequest, isTogether: random() < 0.5 };
    case 'skew':
      return { kind, ms: Math.round((random() - 0.5) * 2 * mostSkewMs) };
    case 'lag':
      return { kind, ms: Math.round(random() * longestLagMs) };
  }
}

function pick<T>(random: () => number, from: readonly [T, ...T[]]): T {
  return from[Math.floor(random() * from.length)] ?? from[0];
}
