import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFileMode, goModeOfUnixMode, nodeTypeOfUnixMode, unixModeOfNode, unixPermissionsOfGoMode } from './file-mode.ts';

/** st_mode, type of node, os.FileMode and its text, as Go 1.26 and `restic ls --long` have them. */
const modes = [
  [0o100644, 'file', 420, '-rw-r--r--'],
  [0o100000, 'file', 0, '----------'],
  [0o104755, 'file', 8_389_101, 'urwxr-xr-x'],
  [0o106755, 'file', 12_583_405, 'ugrwxr-xr-x'],
  [0o101644, 'file', 1_048_996, 'trw-r--r--'],
  [0o040755, 'dir', 2_147_484_141, 'drwxr-xr-x'],
  [0o043777, 'dir', 2_152_727_039, 'dgtrwxrwxrwx'],
  [0o120777, 'symlink', 134_218_239, 'Lrwxrwxrwx'],
  [0o060600, 'dev', 67_109_248, 'Drw-------'],
  [0o020644, 'chardev', 69_206_436, 'Dcrw-r--r--'],
  [0o010644, 'fifo', 33_554_852, 'prw-r--r--'],
  [0o140755, 'socket', 16_777_709, 'Srwxr-xr-x'],
] as const;

for (const [unixMode, type, mode, text] of modes) {
  test(`st_mode ${unixMode.toString(8)} is ${text} of type ${type}`, () => {
    assert.equal(nodeTypeOfUnixMode(unixMode), type);
    assert.equal(goModeOfUnixMode(unixMode), mode);
    assert.equal(formatFileMode(type, mode), text);
    assert.equal(unixModeOfNode(type, mode), unixMode);
    assert.equal(unixPermissionsOfGoMode(mode), unixMode & 0o7777);
  });
}

test('a format that Linux does not have is irregular', () => {
  assert.equal(nodeTypeOfUnixMode(0o150644), 'irregular');
});

test('the type of a node stands in where an old writer left it out of the mode', () => {
  assert.equal(formatFileMode('dir', 0o755), 'drwxr-xr-x');
});
