import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fileNode } from '../../../test/support/planted-repository.ts';
import { formatTimeNs } from '../../format/go-time.ts';
import type { TreeNode } from '../../format/node.ts';
import { compilePatterns } from '../../patterns/pattern-list.ts';
import { attributeRule, loadMetadata, metadataOf, type MetadataRules, storeMetadata } from './metadata.ts';
import { RestorePlan } from './plan/restore-plan.ts';

const rules: MetadataRules = { ownershipByName: false, selectsAttribute: () => true };
const node = fileNode('a', [], 0);

describe('the metadata of a node', () => {
  it('comes out of the plan as it went in', () => {
    const plan = RestorePlan.create();
    const uint32 = fc.nat(0xffff_ffff);
    // Years 0 to 9999, which is what the format can say.
    const time = fc.bigInt(-62_167_219_200_000_000_000n, 253_402_300_799_999_999_999n).map(formatTimeNs);
    const attribute = fc.record({
      name: fc.stringMatching(/^user\.[a-zü<]{1,40}$/u),
      value: fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(
        uint32,
        uint32,
        uint32,
        time,
        time,
        fc.array(attribute, { maxLength: 5 }),
        (mode, uid, gid, atime, mtime, extendedAttributes) => {
          const metadata = metadataOf({ ...node, mode, uid, gid, atime, mtime, extendedAttributes }, rules);
          const row = plan.files.allocate(1);
          storeMetadata(metadata, plan.files, row, plan.heap);
          const loaded = loadMetadata(plan.files, row, plan.heap);
          assert.deepEqual({ ...loaded, attributes: [] }, { ...metadata, attributes: [] });
          const texts = (from: typeof loaded): string[] =>
            from.attributes.map(({ name, value }) => `${Buffer.from(name).toString('hex')} ${Buffer.from(value).toString('hex')}`);
          assert.deepEqual(texts(loaded), texts(metadata));
        },
      ),
    );
  });

  it('counts nanoseconds forward also before 1970', () => {
    const { modifySeconds, modifyNanoseconds } = metadataOf({ ...node, mtime: '1969-12-31T23:59:59.000000001Z' }, rules);
    assert.deepEqual([modifySeconds, modifyNanoseconds], [-1, 1]);
  });

  it('takes owners by name only when told, and by number where the name is not known here', () => {
    const owned: TreeNode = { ...node, uid: 54_321, gid: 54_322, user: 'root', group: 'no group of that name' };
    const byName = metadataOf(owned, { ...rules, ownershipByName: true });
    const byNumber = metadataOf(owned, rules);
    assert.deepEqual([byName.uid, byName.gid, byNumber.uid, byNumber.gid], [0, 54_322, 54_321, 54_322]);
  });

  it('refuses attributes with names that no kernel has', () => {
    for (const name of ['', 'user.\0', `user.${'x'.repeat(251)}`]) {
      const extendedAttributes = [{ name, value: Buffer.alloc(0) }];
      assert.throws(() => metadataOf({ ...node, extendedAttributes }, rules), { code: 'damaged' });
    }
  });

  it('has the attributes that patterns choose', () => {
    const extendedAttributes = ['user.a', 'user.b', 'security.c'].map((name) => ({ name, value: null }));
    const chosen = (selectsAttribute: (name: string) => boolean): string[] =>
      metadataOf({ ...node, extendedAttributes }, { ...rules, selectsAttribute }).attributes.map(({ name }) =>
        Buffer.from(name).toString(),
      );
    assert.deepEqual(chosen(attributeRule(undefined, undefined)), ['user.a\0', 'user.b\0', 'security.c\0']);
    assert.deepEqual(chosen(attributeRule(compilePatterns(['user.*']), undefined)), ['security.c\0']);
    assert.deepEqual(chosen(attributeRule(undefined, compilePatterns(['*.b', 'sec*']))), ['user.b\0', 'security.c\0']);
  });
});
