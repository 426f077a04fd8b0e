/** What main and workers say to each other, whatever the work is. The work's own messages are in its worker's folder. */
import { parentPort } from 'node:worker_threads';
import { type ErrorRecord, HoldfastError, toErrorRecord } from '../base/errors.ts';

export interface RequestToWorker<Request> {
  readonly id: number;
  readonly request: Request;
}

/**
 * The last message: the thread ends by itself once it has nothing more to do. Terminating it from outside could hit it inside
 * a native call, and koffi then ends the whole process ("FATAL ERROR: Error::ThrowAsJavaScriptException napi_throw").
 */
export const endOfWork = 'end';

export type ToWorker<Request> = RequestToWorker<Request> | typeof endOfWork;

export type FromWorker<Response, Notice> =
  | { readonly kind: 'response'; readonly id: number; readonly response: Response }
  | { readonly kind: 'failure'; readonly id: number; readonly error: ErrorRecord }
  | { readonly kind: 'notice'; readonly notice: Notice };

/** Serves a worker's requests, one after the other. */
export function serve<Request, Response>(handle: (request: Request) => Response): void {
  const port = requirePort();
  port.on('message', (message: ToWorker<Request>) => {
    if (message === endOfWork) {
      port.close();
      return;
    }
    const { id, request } = message;
    try {
      send<Response, never>({ kind: 'response', id, response: handle(request) });
    } catch (error) {
      send<Response, never>({ kind: 'failure', id, error: toErrorRecord(error) });
    }
  });
  // A request that cannot be read would never be answered: better the thread ends, which main notices.
  port.on('messageerror', (error) => {
    throw error;
  });
}

/** Tells main something before the running request is answered. */
export function notify<Notice>(notice: Notice): void {
  send<never, Notice>({ kind: 'notice', notice });
}

function send<Response, Notice>(message: FromWorker<Response, Notice>): void {
  requirePort().postMessage(message);
}

function requirePort(): NonNullable<typeof parentPort> {
  if (parentPort === null) throw new HoldfastError('internal', 'a worker file was started outside a worker thread');
  return parentPort;
}
