import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FolderSync } from './folder-sync.ts';

/** Stands for the file system: every fsync waits until the test lets it end. */
function heldSyncs() {
  const begun: { readonly folder: string; readonly end: (error?: Error) => void }[] = [];
  const sync = (folder: string) =>
    new Promise<void>((resolve, reject) => {
      begun.push({ folder, end: (error) => (error === undefined ? resolve() : reject(error)) });
    });
  return { begun, folders: new FolderSync(sync) };
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('FolderSync', () => {
  it('one fsync serves all callers of the same moment', async () => {
    const { begun, folders } = heldSyncs();
    const waiting = [folders.sync('/a'), folders.sync('/a'), folders.sync('/a')];
    await nextTurn();
    assert.equal(begun.length, 1);
    begun[0]?.end();
    await Promise.all(waiting);
  });

  it('a change made while an fsync runs waits for the next one, which all such changes share', async () => {
    const { begun, folders } = heldSyncs();
    const first = folders.sync('/a');
    await nextTurn();
    let isLateDone = false;
    const late = Promise.all([folders.sync('/a'), folders.sync('/a')]).then(() => {
      isLateDone = true;
    });
    begun[0]?.end();
    await first;
    await nextTurn();
    assert.equal(isLateDone, false);
    assert.equal(begun.length, 2);
    begun[1]?.end();
    await late;
  });

  it('different folders do not wait for each other', async () => {
    const { begun, folders } = heldSyncs();
    const both = [folders.sync('/a'), folders.sync('/b')];
    await nextTurn();
    assert.deepEqual(
      begun.map(({ folder }) => folder),
      ['/a', '/b'],
    );
    for (const { end } of begun) end();
    await Promise.all(both);
  });

  it('a failure reaches those who waited for it, and the next round tries anew', async () => {
    const { begun, folders } = heldSyncs();
    const failing = folders.sync('/a');
    await nextTurn();
    const next = folders.sync('/a');
    begun[0]?.end(new Error('EIO'));
    await assert.rejects(failing, /EIO/);
    await nextTurn();
    begun[1]?.end();
    await next;
  });
});
