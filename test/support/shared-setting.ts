import { after, before } from 'node:test';
import type { CleansUp } from './temporary-folder.ts';

/**
 * What several tests of a group read and none changes: made once, before the first of them. Call it inside `describe`.
 *
 * @param create whatever it registers is cleaned up after the last test of the group
 * @returns gives the tests what was made
 */
export function sharedSetting<T>(create: (t: CleansUp) => Promise<T>): () => T {
  const cleanUps: (() => void)[] = [];
  let made: { readonly setting: T } | undefined;
  after(() => cleanUps.reverse().forEach((cleanUp) => cleanUp()));
  before(async () => {
    made = { setting: await create({ after: (cleanUp) => void cleanUps.push(cleanUp) }) };
  });
  return () => {
    if (made === undefined) throw new Error('the setting of this group was not made');
    return made.setting;
  };
}
