import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isoWeekOf, offsetOf, wallSeconds, wallTimeOf } from './calendar.ts';
import { formatTimeSpan, isEmptySpan, momentBefore, parseTimeSpan, type ZoneOffset } from './time-span.ts';

const utc: ZoneOffset = () => 0;

/** Central Europe in 2024: summer time from 31 March to 27 October, both at 1:00 UTC. */
const berlin: ZoneOffset = (seconds) => {
  const isSummer = seconds >= Date.UTC(2024, 2, 31, 1) / 1000 && seconds < Date.UTC(2024, 9, 27, 1) / 1000;
  return isSummer ? 7200 : 3600;
};

function before(time: string, span: string, zone = utc): string {
  const timeNs = BigInt(Date.parse(time)) * 1_000_000n;
  return new Date(Number(momentBefore({ time, timeNs }, parseTimeSpan(span, 'x'), zone) / 1_000_000n)).toISOString().replace('.000', '');
}

describe('the calendar', () => {
  it('has the days that Date has, in every year that Date knows', () => {
    for (const year of [-271_000, -401, -400, -1, 0, 1, 1582, 1900, 1970, 2000, 2024, 2100, 9999, 270_000]) {
      for (const [month, day] of [
        [1, 1],
        [2, 28],
        [3, 1],
        [12, 31],
      ] as const) {
        const date = new Date(0);
        date.setUTCFullYear(year, month - 1, day);
        assert.equal(wallSeconds({ year, month, day, hour: 0, minute: 0, second: 0 }), date.getTime() / 1000, `${year}-${month}-${day}`);
      }
    }
  });

  it('has weeks that begin on Monday and belong to the year of their Thursday', () => {
    const weekOf = (day: string) => isoWeekOf(wallTimeOf(`${day}T12:00:00Z`));
    assert.deepEqual(weekOf('2024-12-29'), { year: 2024, week: 52 });
    assert.deepEqual(weekOf('2024-12-30'), { year: 2025, week: 1 });
    assert.deepEqual(weekOf('2021-01-03'), { year: 2020, week: 53 });
    assert.deepEqual(weekOf('2021-01-04'), { year: 2021, week: 1 });
    assert.deepEqual(weekOf('2023-01-01'), { year: 2022, week: 52 });
    assert.deepEqual(weekOf('1970-01-01'), { year: 1970, week: 1 });
  });

  it('reads the offset of a time, and none from UTC', () => {
    const offsets = ['2024-01-01T00:00:00Z', '2024-01-01T00:00:00.5+05:30', '2024-01-01T00:00:00-01:00'].map(offsetOf);
    assert.deepEqual(offsets, [undefined, 19_800, -3600]);
  });
});

describe('a time span', () => {
  it('is years, months, days and hours in any order', () => {
    assert.deepEqual(parseTimeSpan('1y5m7d2h', 'x'), { years: 1, months: 5, days: 7, hours: 2 });
    assert.deepEqual(parseTimeSpan(' 2h1y ', 'x'), { years: 1, months: 0, days: 0, hours: 2 });
    assert.equal(formatTimeSpan(parseTimeSpan('2h3d0m1y', 'x')), '1y3d2h');
    assert.ok(isEmptySpan(parseTimeSpan('', 'x')) && isEmptySpan(parseTimeSpan('0d', 'x')));
  });

  for (const text of ['7', 'd', '7w', '-7d', '1y 2d', '1.5d', '7D', '2562048h', '9999999999y', '٣d']) {
    it(`cannot be ${text}`, () => {
      assert.throws(() => parseTimeSpan(text, '--keep-within'), { code: 'usage', message: `--keep-within cannot be "${text}"` });
    });
  }

  it('counts back on the calendar, and a day that the month does not have carries over', () => {
    assert.equal(before('2024-03-31T12:00:00Z', '1m'), '2024-03-02T12:00:00Z');
    assert.equal(before('2023-03-31T12:00:00Z', '1m'), '2023-03-03T12:00:00Z');
    assert.equal(before('2024-02-29T12:00:00Z', '1y'), '2023-03-01T12:00:00Z');
    assert.equal(before('2024-01-15T12:00:00Z', '14m20d13h'), '2022-10-25T23:00:00Z');
  });

  it('keeps the clock of the place over a change to summer time, where the time was written in this zone', () => {
    assert.equal(before('2024-04-01T12:00:00+02:00', '2d', berlin), '2024-03-30T11:00:00Z');
    assert.equal(before('2024-04-01T12:00:00+02:00', '48h', berlin), '2024-03-30T10:00:00Z');
    assert.equal(before('2024-10-28T12:00:00+01:00', '2d', berlin), '2024-10-26T10:00:00Z');
  });

  it('keeps the offset of a time that was written elsewhere, or in UTC', () => {
    assert.equal(before('2024-04-01T12:00:00+05:00', '2d', berlin), '2024-03-30T07:00:00Z');
    assert.equal(before('2024-04-01T12:00:00Z', '2d', berlin), '2024-03-30T12:00:00Z');
  });

  it('takes a clock time that summer time leaves out as the one after it, and one that is there twice as the second', () => {
    assert.equal(before('2024-04-01T02:30:00+02:00', '1d', berlin), '2024-03-31T01:30:00Z');
    assert.equal(before('2024-10-28T02:30:00+01:00', '1d', berlin), '2024-10-27T01:30:00Z');
  });

  it('keeps fractions of a second, before 1970 too', () => {
    const moment = { time: '1969-12-31T23:59:59.25Z', timeNs: -750_000_000n };
    assert.equal(momentBefore(moment, parseTimeSpan('1h', 'x'), utc), -3_600_750_000_000n);
  });
});
