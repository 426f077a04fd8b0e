/** Cancellation in the house's shape: an AbortSignal that fired becomes a HoldfastError `cancelled`. */
import { HoldfastError } from './errors.ts';

/** @throws HoldfastError `cancelled` when the signal has fired; a HoldfastError given as the reason is thrown as it is */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancellationOf(signal);
}

/** What a signal that has fired means, as an error. */
export function cancellationOf(signal: AbortSignal): HoldfastError {
  if (signal.reason instanceof HoldfastError) return signal.reason;
  return new HoldfastError('cancelled', 'the operation was cancelled', { cause: signal.reason });
}
