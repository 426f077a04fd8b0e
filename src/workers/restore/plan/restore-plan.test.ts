import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createByteHeap, ByteHeap } from './byte-heap.ts';
import { directoryPath, filePath, readablePath } from './plan-paths.ts';
import { directoryWord, fileFlag, fileWord, RestorePlan, rootDirectory } from './restore-plan.ts';
import { createSharedRows, SharedRows } from './shared-rows.ts';

describe('SharedRows', () => {
  it('shows what one thread wrote to another, also in rows that were added later', () => {
    const memory = createSharedRows(4, 100_000);
    const [one, other] = [new SharedRows(memory), new SharedRows(memory)];
    for (let row = 0; row < 50_000; row++) {
      assert.equal((row % 2 === 0 ? one : other).allocate(1), row);
      one.set(row, 1, row);
      one.setFloat(row, 2, row + 0.5);
    }
    for (const row of [0, 16_383, 16_384, 49_999]) assert.deepEqual([other.get(row, 1), other.getFloat(row, 2)], [row, row + 0.5]);
    assert.equal(other.count, 50_000);
  });

  it('keeps neighbouring words apart', () => {
    const rows = new SharedRows(createSharedRows(4, 10));
    rows.allocate(2);
    rows.setFloat(0, 2, Number.MAX_VALUE);
    rows.set(1, 0, 0xffff_ffff);
    assert.deepEqual([rows.get(0, 0), rows.get(0, 1), rows.get(1, 0), rows.get(1, 1)], [0, 0, 0xffff_ffff, 0]);
  });

  it('refuses more rows than it was made for', () => {
    const rows = new SharedRows(createSharedRows(2, 16_384));
    rows.allocate(16_384);
    assert.throws(() => rows.allocate(1), { code: 'unsupported' });
  });

  it('changes bits and counts without losing what others did', () => {
    const rows = new SharedRows(createSharedRows(2, 10));
    rows.allocate(1);
    assert.equal(rows.setBits(0, 0, 0b101), 0);
    assert.equal(rows.setBits(0, 0, 0b010), 0b101);
    rows.clearBits(0, 0, 0b001);
    assert.equal(rows.load(0, 0), 0b110);
    rows.set(0, 1, 2);
    assert.deepEqual([rows.countDown(0, 1), rows.countDown(0, 1)], [1, 0]);
  });
});

describe('ByteHeap', () => {
  it('gives back what was added, through any of its threads', () => {
    const memory = createByteHeap();
    const heaps = [new ByteHeap(memory), new ByteHeap(memory)];
    const added = Array.from({ length: 20_000 }, (_, number) => {
      const bytes = Buffer.alloc(1 + ((number * 37) % 400), number % 251);
      return { bytes, place: heaps[number % 2]?.add(bytes) ?? 0 };
    });
    const reader = new ByteHeap(memory);
    for (const { bytes, place } of added) {
      assert.ok(place > 0);
      assert.ok(bytes.equals(reader.viewAt(place).subarray(0, bytes.length)));
    }
  });

  it('takes pieces of up to a mebibyte, and no larger ones', () => {
    const heap = new ByteHeap(createByteHeap());
    heap.add(Buffer.from('small'));
    for (const size of [65_536, 700_000, 65_535, (1 << 20) - 1]) {
      const bytes = Buffer.alloc(size, 'y');
      assert.ok(bytes.equals(heap.viewAt(heap.add(bytes)).subarray(0, size)));
    }
    assert.throws(() => heap.add(Buffer.alloc(1 << 20)), { code: 'unsupported' });
  });
});

describe('the paths of a plan', () => {
  it('are made of the names above an entry, whatever bytes those have', () => {
    const plan = RestorePlan.create();
    const names = ['folder', 'ü', '\xff raw'].map((name) => Buffer.from(`${name}\0`, name.startsWith('\xff') ? 'latin1' : 'utf8'));
    plan.directories.allocate(1);
    const [top = 0, below = 0] = names.slice(0, 2).map((name, depth) => {
      const directory = plan.directories.allocate(1);
      plan.directories.set(directory, directoryWord.parent, depth);
      plan.directories.set(directory, directoryWord.name, plan.heap.add(name));
      return directory;
    });
    const file = plan.files.allocate(1);
    plan.files.set(file, fileWord.directory, below);
    plan.files.set(file, fileWord.name, plan.heap.add(names[2] ?? Buffer.alloc(1)));
    assert.equal(directoryPath(plan, rootDirectory), '/');
    assert.equal(readablePath(directoryPath(plan, top)), '/folder');
    assert.equal(readablePath(directoryPath(plan, below)), '/folder/ü');
    assert.deepEqual(Buffer.from(filePath(plan, file), 'latin1').subarray(-5), Buffer.from('\xff raw', 'latin1'));
    plan.files.setBits(file, fileWord.flags, fileFlag.link);
    assert.deepEqual([plan.hasFlag(file, fileFlag.link), plan.hasFlag(file, fileFlag.failed)], [true, false]);
  });
});
