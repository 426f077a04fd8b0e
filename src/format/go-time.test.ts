import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { HoldfastError } from '../base/errors.ts';
import { ByteText } from './byte-text.ts';
import { formatTime, formatTimeNs, isTime, parseTime, writeTime, zeroTime } from './go-time.ts';

/** Lines of zone, seconds, nanoseconds and what Go 1.26 writes; years 0 to 12345 and both changes of the clock in Berlin. */
const vectors = readFileSync(new URL('fixtures/go-times.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split(' ') as [string, string, string, string]);

const formatter = `
  import { formatTime } from ${JSON.stringify(new URL('go-time.ts', import.meta.url).href)};
  const times = JSON.parse(process.argv[1]);
  console.log(JSON.stringify(times.map(([seconds, nanoseconds]) => formatTime(BigInt(seconds), Number(nanoseconds)))));
`;

/** The time zone belongs to a process, so each zone has its own. */
function formatIn(zone: string | undefined, times: readonly (readonly [string, string])[]): string[] {
  const { TZ: _unused, ...environment } = process.env;
  const env = zone === undefined ? environment : { ...environment, TZ: zone };
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', formatter, JSON.stringify(times)], { env, encoding: 'utf8' });
  return JSON.parse(output) as string[];
}

for (const zone of new Set(vectors.map(([name]) => name))) {
  test(`times in ${zone} are written as Go writes them`, () => {
    const rows = vectors.filter(([name]) => name === zone);
    const formatted = formatIn(
      zone,
      rows.map(([, seconds, nanoseconds]) => [seconds, nanoseconds] as const),
    );
    assert.deepEqual(
      formatted,
      rows.map(([, , , text]) => text),
    );
  });
}

test('without TZ the zone of the system is taken', () => {
  const times = [['1720000000', '5'] as const, ['1700000000', '0'] as const];
  const zone = execFileSync(process.execPath, ['-p', 'Intl.DateTimeFormat().resolvedOptions().timeZone'], {
    env: { PATH: process.env['PATH'] },
    encoding: 'utf8',
  }).trim();
  assert.deepEqual(formatIn(undefined, times), formatIn(zone, times));
});

const wideSeconds = fc.integer({ min: -62_135_596_800, max: 253_402_200_000 });
const nanoseconds = fc.oneof(fc.integer({ min: 0, max: 999_999_999 }), fc.constantFrom(0, 1, 100_000_000, 999_999_999, 120));

test('a time that was written is read back to the nanosecond', () => {
  fc.assert(
    fc.property(wideSeconds, nanoseconds, (seconds, fraction) => {
      // Zones before standard time have offsets with seconds, which the text cuts: those years do not come back exactly.
      fc.pre(seconds > 0);
      const timeNs = BigInt(seconds) * 1_000_000_000n + BigInt(fraction);
      assert.equal(parseTime(formatTimeNs(timeNs)), timeNs);
    }),
  );
});

test('bytes and text of a time are the same', () => {
  const out = new ByteText();
  fc.assert(
    fc.property(wideSeconds, nanoseconds, (seconds, fraction) => {
      const start = out.length;
      writeTime(out, seconds, fraction);
      assert.equal(out.toText(start), formatTime(seconds, fraction));
    }),
  );
});

test('two seconds that share a slot of the cache are told apart', () => {
  const first = formatTime(1_700_000_000, 0);
  const second = formatTime(1_700_000_000 + 4096, 0);
  assert.notEqual(first, second);
  assert.equal(formatTime(1_700_000_000, 0), first);
});

test('times are read at any offset', () => {
  assert.equal(parseTime('1970-01-01T01:00:00.5+01:00'), 500_000_000n);
  assert.equal(parseTime('1969-12-31T20:29:59.123456789-03:30'), -876_543_211n);
  assert.equal(parseTime('2024-02-29T00:00:00.1234567891Z') % 1_000_000_000n, 123_456_789n);
  assert.equal(parseTime(zeroTime), -62_135_596_800_000_000_000n);
});

test('what is no time of RFC 3339 is damaged', () => {
  const bad = ['', '2024', '2023-02-29T00:00:00Z', '2024-13-01T00:00:00Z', '2024-00-01T00:00:00Z', '2024-01-00T00:00:00Z'];
  const worse = ['2024-01-01T24:00:00Z', '2024-01-01T00:60:00Z', '2024-01-01T00:00:60Z', '2024-01-01T00:00:00', '2024-01-01 00:00:00Z'];
  const worst = [
    '2024-01-01T00:00:00.Z',
    '2024-01-01T00:00:00+24:00',
    '2024-01-01T00:00:00+0100',
    ' 2024-01-01T00:00:00Z',
    '2024-01-01T00:00:00Z\n',
  ];
  for (const text of [...bad, ...worse, ...worst]) {
    assert.equal(isTime(text), false, text);
    assert.throws(
      () => parseTime(text),
      (error) => error instanceof HoldfastError && error.code === 'damaged',
      text,
    );
  }
});
