import { asHoldfastError, type HoldfastError } from '../../base/errors.ts';

/**
 * Something of the source could not be read. It costs that item and makes the run partial; every other error is the
 * repository's or ours and ends the run, because what cannot be stored is not a matter of one file.
 */
export class SourceFailure extends Error {
  readonly failure: HoldfastError;

  constructor(error: unknown) {
    const failure = asHoldfastError(error);
    super(failure.message, { cause: error });
    this.failure = failure;
  }
}

/** Does something with the source. @throws SourceFailure for whatever goes wrong */
export function fromSource<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new SourceFailure(error);
  }
}
