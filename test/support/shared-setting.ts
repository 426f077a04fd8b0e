import { after, before } from 'node:test';
import { type CleansUp, lastInFirstOut } from './temporary-folder.ts';

/**
 * What several tests of a group read and none changes: made once, before the first of them. Call it inside `describe`.
 *
 * @param create whatever it registers is cleaned up after the last test of the group
 * @returns gives the tests what was made
 */
export function sharedSetting<T>(create: (t: CleansUp) => Promise<T>): () => T {
  const cleanUp = lastInFirstOut({ after });
  let made: { readonly setting: T } | undefined;
  before(async () => {
    made = { setting: await create(cleanUp) };
  });
  return () => {
    if (made === undefined) throw new Error('the setting of this group was not made');
    return made.setting;
  };
}
