import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatBytes, formatPercent, formatSeconds, printableName } from './format.ts';
import { jsonText } from './json-text.ts';
import { displayWidth, renderTable, truncateToWidth } from './text-table.ts';

describe('numbers for people', () => {
  test('sizes have three decimals from one KiB on', () => {
    const sizes = [0, 1023, 1024, 1_325_400_064, 2 ** 40 * 1.5];
    assert.deepEqual(sizes.map(formatBytes), ['0 B', '1023 B', '1.000 KiB', '1.234 GiB', '1.500 TiB']);
  });

  test('durations are minutes and seconds, hours only when there are some', () => {
    assert.deepEqual([0, 9.9, 61, 3600, 36_061].map(formatSeconds), ['0:00', '0:09', '1:01', '1:00:00', '10:01:01']);
  });

  test('a part is never more than the whole', () => {
    assert.deepEqual([formatPercent(1, 3), formatPercent(5, 3), formatPercent(1, 0)], ['33.33%', '100.00%', '']);
  });
});

describe('names for a terminal', () => {
  test('stay as they are when they are harmless', () => {
    for (const name of ['/etc/passwd', 'größe', '日本 "x" \\']) assert.equal(printableName(name), name);
  });

  test('are escaped when they could move the cursor or the reader', () => {
    assert.equal(printableName('a\u001b[2Jb\n'), '"a\\u001b[2Jb\\n"');
    assert.equal(printableName('x\u202egnp.exe'), '"x\\u202egnp.exe"');
    assert.equal(printableName('\u009b31m'), '"\\u009b31m"');
  });
});

describe('a table', () => {
  test('is as wide as its widest cells and counts wide characters twice', () => {
    const lines = renderTable({
      headings: ['ID', 'Name'],
      rows: [
        [['1'], ['日本']],
        [['22'], ['a', 'b']],
      ],
      footer: ['2 rows'],
    });
    assert.deepEqual(lines, ['ID  Name', '--------', '1   日本', '22  a', '    b', '--------', '2 rows']);
  });

  test('cuts by cells of the terminal', () => {
    assert.equal(truncateToWidth('a日本', 4), 'a日');
    assert.equal(displayWidth('e\u0301'), 1);
  });
});

describe('JSON', () => {
  test('keeps all digits of 64-bit numbers', () => {
    assert.equal(jsonText({ inode: 18_446_744_073_709_551_615n, size: 1 }), '{"inode":18446744073709551615,"size":1}');
  });
});
