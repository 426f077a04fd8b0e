import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { describe, it } from 'node:test';
import { beganAfter, processPresence } from './process-presence.ts';

describe('processPresence', () => {
  it('finds this process and the first one, and misses one that ended', () => {
    assert.equal(processPresence(process.pid), 'alive');
    assert.equal(processPresence(1), 'alive');
    const ended = Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }));
    assert.notEqual(processPresence(ended), 'alive');
  });

  it('does not guess about numbers that are no process ids', () => {
    for (const pid of [0, -1, 1.5, Number.NaN]) assert.equal(processPresence(pid), 'unknown');
  });

  it('sees a process of a container by the number it has there', async (t) => {
    const asleep = ['--pid', '--fork', '--mount-proc', 'sh', '-c', 'for i in 1 2 3 4 5 6 7 8; do true & done; sleep 30 & echo $!; wait'];
    const child = spawn('unshare', asleep, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
    t.after(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'));
    const inner = await firstLine(child.stdout);
    if (inner === undefined) return t.skip('no right to make a namespace here');
    assert.equal(processPresence(Number(inner)), 'alive');
  });
});

describe('beganAfter', () => {
  it('tells a younger process from the one that had its number before', () => {
    const startMs = Date.now() - process.uptime() * 1000;
    assert.equal(beganAfter(process.pid, startMs - 60_000), true);
    assert.equal(beganAfter(process.pid, startMs + 60_000), false);
    assert.equal(beganAfter(1, Date.now()), false);
  });

  it('says no of a process that is not there', () => {
    const ended = Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }));
    assert.equal(beganAfter(ended, 0), false);
  });
});

async function firstLine(stream: AsyncIterable<Buffer>): Promise<string | undefined> {
  for await (const piece of stream) return piece.toString().trim();
  return undefined;
}
