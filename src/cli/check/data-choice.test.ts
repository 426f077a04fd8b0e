import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HoldfastError } from '../../base/errors.ts';
import { chooseData, type DataOptions } from './data-choice.ts';

const none: DataOptions = { 'read-data': false, 'read-data-subset': undefined, 'read-data-oldest': undefined };
const subset = (text: string) => chooseData({ ...none, 'read-data-subset': text });

describe('chooseData', () => {
  it('reads what restic would read for the same text', () => {
    assert.deepEqual(chooseData(none), { kind: 'none' });
    assert.deepEqual(chooseData({ ...none, 'read-data': true }), { kind: 'all' });
    assert.deepEqual(subset('1/1'), { kind: 'part', part: 1, count: 1 });
    assert.deepEqual(subset('256/256'), { kind: 'part', part: 256, count: 256 });
    assert.deepEqual(subset('2.5%'), { kind: 'percent', percent: 2.5 });
    assert.deepEqual(subset('100%'), { kind: 'percent', percent: 100 });
    assert.deepEqual(subset('800'), { kind: 'size', sizeBytes: 800 });
    assert.deepEqual(subset('50m'), { kind: 'size', sizeBytes: 50 << 20 });
    assert.deepEqual(chooseData({ ...none, 'read-data-oldest': 1024 }), { kind: 'oldest', sizeBytes: 1024 });
  });

  it('refuses what says nothing, and tells what would', () => {
    const bad = [
      '',
      '0/5',
      '6/5',
      '1/0',
      '1/257',
      '-1/5',
      '1/5/6',
      '1 /5',
      '0%',
      '100.1%',
      '-5%',
      '%',
      '5.%',
      'x',
      '0',
      '10X',
      '1.5G',
      '-3',
    ];
    for (const text of bad) {
      assert.throws(
        () => subset(text),
        (error) =>
          error instanceof HoldfastError &&
          error.code === 'usage' &&
          error.hint !== undefined &&
          error.message.includes('--read-data-subset'),
        text,
      );
    }
    assert.throws(() => chooseData({ ...none, 'read-data-oldest': 0 }), { code: 'usage', message: /--read-data-oldest cannot be 0/ });
  });

  it('refuses two answers to one question, naming both', () => {
    const both: DataOptions[] = [
      { 'read-data': true, 'read-data-subset': '1/2', 'read-data-oldest': undefined },
      { 'read-data': true, 'read-data-subset': undefined, 'read-data-oldest': 5 },
      { 'read-data': false, 'read-data-subset': '5%', 'read-data-oldest': 5 },
    ];
    for (const values of both)
      assert.throws(() => chooseData(values), { code: 'usage', message: /^--read-data\S* and --read-data-\S+ exclude each other$/ });
  });
});
