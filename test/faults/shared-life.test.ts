import { describe, it } from 'node:test';
import { chooseSeed } from '../support/generated-tree.ts';
import { requirePeer } from '../support/peers.ts';
import { SharedLife } from '../support/shared-life.ts';
import { SharedRepository } from '../support/shared-repository.ts';

/** script/soak goes through thousands. */
const steps = 8;

describe('a repository that several hosts share', () => {
  it('keeps every snapshot whole while they back up, forget and prune at once and are killed at any moment', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const report = (line: string): void => t.diagnostic(line);
    const shared = await SharedRepository.create(t, peer);
    const outcomes = await SharedLife.run(shared, { seed: chooseSeed(report), steps, report });
    report(`outcomes by exit code: ${JSON.stringify(outcomes)}`);
  });
});
