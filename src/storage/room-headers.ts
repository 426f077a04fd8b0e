/**
 * How a client of `holdfast serve` asks how much room there is, and the answer: heads of a request for the config and of its answer. Other
 * servers and clients pass over them.
 */
export const askRoomHeader = 'holdfast-asks';
export const askRoomValue = 'room';

/** In bytes; what is absent is not known or has no limit. */
export const roomHeaders = {
  freeBytes: 'holdfast-free-bytes',
  usedBytes: 'holdfast-used-bytes',
  quotaBytes: 'holdfast-quota-bytes',
} as const;
