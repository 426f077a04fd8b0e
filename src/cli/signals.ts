/** SIGINT and SIGTERM: the first one cancels in order (locks are removed), the second one ends the process at once. */
import { errorCodes, HoldfastError } from '../base/errors.ts';

const watchedSignals = ['SIGINT', 'SIGTERM'] as const;

export interface SignalWatch extends Disposable {
  /** Fires with a HoldfastError `cancelled`. */
  readonly signal: AbortSignal;
}

/** @param onFirst told the name of the signal, to let the person know that it arrived */
export function watchSignals(onFirst: (name: string) => void): SignalWatch {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(errorCodes.cancelled.exitCode);
    onFirst(name);
    controller.abort(new HoldfastError('cancelled', `stopped by ${name}`));
  };
  for (const name of watchedSignals) process.on(name, onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of watchedSignals) process.off(name, onSignal);
    },
  };
}
