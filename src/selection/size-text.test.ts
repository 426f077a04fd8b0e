import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseSize } from './size-text.ts';

it('reads sizes with the letters that restic knows, of either case', () => {
  const cases = {
    '0': 0,
    '2048': 2048,
    '7b': 7,
    '7B': 7,
    '1k': 1024,
    '10K': 10_240,
    '20m': 20_971_520,
    '3G': 3 * 2 ** 30,
    '2t': 2 * 2 ** 40,
    '2T': 2 * 2 ** 40,
    '+5K': 5120,
  };
  for (const [text, sizeBytes] of Object.entries(cases)) assert.equal(parseSize(text, '--size'), sizeBytes, text);
});

it('refuses everything else', () => {
  for (const text of ['', 'K', '-1', '1.5G', '1 K', '1KB', '1Ki', '0x10', '1_000', '٣', '8388608T', '9223372036854775808']) {
    assert.throws(() => parseSize(text, '--exclude-larger-than'), {
      code: 'usage',
      message: `--exclude-larger-than is not a size: "${text}"`,
    });
  }
});
