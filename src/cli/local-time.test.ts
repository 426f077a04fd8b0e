import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseUserTime } from './local-time.ts';

const cases: [string, string][] = [
  ['2026-11-21 10:00:05', '2026-11-21T10:00:05'],
  ['2026-11-21 10:00', '2026-11-21T10:00:00'],
  ['2026-11-21', '2026-11-21T00:00:00'],
  ['21.11.2026 10:00:05', '2026-11-21T10:00:05'],
  ['2026-11-21 10:00:05 +0200', '2026-11-21T08:00:05Z'],
  ['2026-11-21T10:00:05Z', '2026-11-21T10:00:05Z'],
  ['2024-02-29 00:00:00', '2024-02-29T00:00:00'],
];

describe('a time typed by a person', () => {
  for (const [text, iso] of cases) {
    test(`${text} is ${iso}`, () => assert.equal(parseUserTime(text, '--time'), BigInt(Date.parse(iso)) * 1_000_000n));
  }

  for (const text of ['', 'yesterday', '2026-13-01', '2026-02-30', '2026-11-21 25:00', '31.02.2026', '2026-11-21 10:00:00 CET']) {
    test(`cannot be ${JSON.stringify(text)}`, () => assert.throws(() => parseUserTime(text, '--time'), { code: 'usage' }));
  }
});
