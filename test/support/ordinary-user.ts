/** For tests about what may not be read or written, which means nothing to root. */
import { spawnSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { holdfastPath } from './holdfast.ts';

/** `nobody` on Debian; any id but 0 would do. */
const ordinaryId = 65_534;
const dropRights = [
  'setpriv',
  `--reuid=${ordinaryId}`,
  `--regid=${ordinaryId}`,
  '--clear-groups',
  '--bounding-set=-all',
  '--inh-caps=-all',
];

export interface OrdinaryUser {
  /** The words in front of a command line that make it run as this user. */
  readonly prefix: readonly string[];
  /** Gives the user a file or, with all that is in it, a folder. */
  own(path: string): void;
}

/** Who runs the tests when that is not root, otherwise another user; the test is skipped where that one cannot run Holdfast. */
export function requireOrdinaryUser(t: Pick<TestContext, 'skip'>): OrdinaryUser | undefined {
  if (process.getuid?.() !== 0) return { prefix: [], own: () => {} };
  const [program = '', ...args] = dropRights;
  const trial = spawnSync(program, [...args, holdfastPath, '--version'], {
    encoding: 'utf8',
    env: { ...process.env, HOME: '/nonexistent' },
  });
  if (trial.status === 0) return { prefix: dropRights, own };
  t.skip('root runs the tests, and the user nobody cannot run bin/holdfast here: is the checkout in a private folder?');
  return undefined;
}

function own(path: string): void {
  chownSync(path, ordinaryId, ordinaryId);
  spawnSync('chown', ['-R', '-h', `${ordinaryId}:${ordinaryId}`, path]);
}
