/**
 * POSIX ACLs as tar archives carry them (SCHILY.acl.*): the long text form of POSIX.1e, with numbers for users and groups,
 * because the machine that unpacks may know other names.
 */

/** Tags of an entry in the Linux attribute, from the kernel's posix_acl_xattr.h. */
const tagNames = new Map([
  [0x01, 'user'],
  [0x02, 'user'],
  [0x04, 'group'],
  [0x08, 'group'],
  [0x10, 'mask'],
  [0x20, 'other'],
]);
const tagsWithId = new Set([0x02, 0x08]);
const aclVersion = 2;
const headerBytes = 4;
const entryBytes = 8;

/** @returns undefined when the attribute is no ACL of the known version */
export function aclText(attribute: Buffer): string | undefined {
  const entriesBytes = attribute.length - headerBytes;
  if (entriesBytes < 0 || entriesBytes % entryBytes !== 0 || attribute.readUInt32LE(0) !== aclVersion) return undefined;
  let text = '';
  for (let at = headerBytes; at < attribute.length; at += entryBytes) {
    const tag = attribute.readUInt16LE(at);
    const name = tagNames.get(tag);
    if (name === undefined) return undefined;
    const id = tagsWithId.has(tag) ? attribute.readUInt32LE(at + 4) : '';
    text += `${name}:${id}:${permissionText(attribute.readUInt16LE(at + 2))}\n`;
  }
  return text;
}

function permissionText(bits: number): string {
  return `${(bits & 4) !== 0 ? 'r' : '-'}${(bits & 2) !== 0 ? 'w' : '-'}${(bits & 1) !== 0 ? 'x' : '-'}`;
}
