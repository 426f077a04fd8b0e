/** An answer that says no: a status of HTTP, and the reason as a sentence for the person before the client. */

export class Refusal extends Error {
  readonly status: number;
  /** One word for the counters and the access log. */
  readonly kind: RefusalKind;
  /** Seconds after which it may go better. */
  readonly retryAfterS: number | undefined;

  constructor(status: number, kind: RefusalKind, reason: string, retryAfterS?: number) {
    super(reason);
    this.status = status;
    this.kind = kind;
    this.retryAfterS = retryAfterS;
  }
}

export type RefusalKind =
  | 'address'
  | 'password'
  | 'foreign'
  | 'rights'
  | 'exists'
  | 'missing'
  | 'hash'
  | 'length'
  | 'quota'
  | 'disk'
  | 'range'
  | 'method'
  | 'busy'
  | 'stopping'
  | 'failure';
