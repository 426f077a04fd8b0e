import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { commandTable } from './commands/table.ts';
import { commandHelp, topLevelHelp } from './help.ts';
import { globalOptions } from './options/global-options.ts';
import type { OptionTable } from './options/option.ts';

describe('help', () => {
  test('in help.txt is what the tables generate (else run node src/cli/write-help.ts)', () => {
    assert.equal(readFileSync(new URL('./help.txt', import.meta.url), 'utf8'), topLevelHelp());
  });

  for (const [name, entry] of Object.entries(commandTable)) {
    test(`of ${name} names every option and fits into 100 columns`, async () => {
      const command = await entry.load();
      const text = commandHelp(name, command);
      for (const option of Object.keys({ ...globalOptions, ...command.options })) {
        if (command.options[option]?.isHidden !== true) assert.match(text, new RegExp(`--${option}\\b`));
      }
      const tooLong = text.split('\n').filter((line) => line.length > 100);
      assert.deepEqual(tooLong, []);
    });

    test(`of ${name} has no letter for two options`, async () => {
      const { options } = await entry.load();
      const table: OptionTable = { ...globalOptions, ...options };
      const letters = Object.values(table).flatMap(({ short }) => short ?? []);
      assert.deepEqual(letters, [...new Set(letters)]);
    });
  }
});
