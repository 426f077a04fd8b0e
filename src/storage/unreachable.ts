/** Whether a failure means that the storage cannot be reached: it may be whole, and nobody can tell at the moment. */
import type { HoldfastError } from '../base/errors.ts';

/** Nobody is there, the way is broken, or what was mounted is gone. A certificate that is not trusted is none of these. */
const ways = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ETIMEDOUT',
  'ENOTCONN',
  'ESTALE',
  'ENODEV',
  'ENXIO',
]);
/** What a gateway says whose server does not answer, and a server that is being restarted. */
const gatewayStatus = new Set([502, 503, 504]);

/** A wrong password, a refused access, a missing repository or damage are not unreachability: they would be the same tomorrow. */
export function isUnreachable({ code, context }: HoldfastError): boolean {
  if (code !== 'storage-failed') return false;
  const { errno, status } = context;
  return context['isUnreachable'] === true || ways.has(String(errno)) || gatewayStatus.has(Number(status));
}
