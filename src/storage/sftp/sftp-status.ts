/** How a server refuses a request. */

/** SSH_FX_… of the protocol. */
export const statusCodes = { eof: 1, missing: 2, denied: 3, failure: 4, badMessage: 5, noConnection: 6, lost: 7, unsupported: 8 } as const;
export type Status = keyof typeof statusCodes;

/** Whether the server refused a request in one of these ways. */
export function isStatus(error: unknown, ...statuses: readonly Status[]): boolean {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return statuses.some((status) => statusCodes[status] === code);
}
