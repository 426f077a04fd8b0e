import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { processSymbols } from './process-symbols.ts';

function isReachableWith(native: string): string {
  const script = `import { processSymbols } from ${JSON.stringify(import.meta.resolve('./process-symbols.ts'))}; console.log(processSymbols() !== undefined)`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { env: { HOLDFAST_NATIVE: native }, encoding: 'utf8' });
  return run.stdout.trim();
}

describe('processSymbols', () => {
  it('calls functions of the process', () => {
    const symbols = processSymbols();
    assert.ok(symbols, 'koffi is installed and HOLDFAST_NATIVE is not off');
    const getpid = symbols.func('getpid', 'int', []) as () => number;
    assert.equal(getpid(), process.pid);
  });

  it('gives none when HOLDFAST_NATIVE is off', () => {
    assert.equal(isReachableWith('off'), 'false');
    assert.equal(isReachableWith(''), 'true');
  });
});
