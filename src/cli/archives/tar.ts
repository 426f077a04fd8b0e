/** A folder of a snapshot as a tar archive, as a stream of chunks. */
import { HoldfastError } from '../../base/errors.ts';
import { type NodeType, unixPermissionsOfGoMode } from '../../format/file-mode.ts';
import { parseTime } from '../../format/go-time.ts';
import type { ExtendedAttribute, TreeNode } from '../../format/node.ts';
import { aclText } from './acl-text.ts';
import { type ArchiveEntry, eachArchiveEntry, type FolderToArchive } from './archive-entries.ts';
import { type BlobSource, fileContent } from './file-content.ts';
import { encodeTarHeader, padding, type TarType, tarBlockBytes } from './tar-header.ts';

export type ChunkWriter = (chunk: Uint8Array) => Promise<void>;

/** @param onSkipped told of entries that a tar archive cannot hold: sockets */
export async function writeTar(
  folder: FolderToArchive & { readonly source: BlobSource },
  write: ChunkWriter,
  onSkipped: (entry: ArchiveEntry) => void,
): Promise<void> {
  await eachArchiveEntry(folder, async (entry) => {
    const type = tarTypeOf(entry);
    if (type === undefined) {
      onSkipped(entry);
      return;
    }
    await write(encodeTarHeader(headerOf(entry, type)));
    if (type !== 'file') return;
    for await (const chunk of fileContent(folder.source, entry.node, folder.signal)) await write(chunk);
    await write(padding(Number(entry.node.size ?? 0)));
  });
  // Two blocks of zeros end an archive.
  await write(Buffer.alloc(2 * tarBlockBytes));
}

const tarTypes: Readonly<Partial<Record<NodeType, TarType>>> = {
  file: 'file',
  dir: 'dir',
  symlink: 'symlink',
  dev: 'dev',
  chardev: 'chardev',
  fifo: 'fifo',
};

function tarTypeOf({ node, linkTo }: ArchiveEntry): TarType | undefined {
  return linkTo === undefined ? tarTypes[node.type] : 'link';
}

function headerOf({ name, node, linkTo }: ArchiveEntry, type: TarType) {
  const device = BigInt(node.device ?? 0);
  return {
    name,
    type,
    mode: unixPermissionsOfGoMode(node.mode ?? 0),
    uid: node.uid,
    gid: node.gid,
    user: node.user ?? '',
    group: node.group ?? '',
    sizeBytes: type === 'file' ? fileSize(node) : 0,
    mtimeNs: parseTime(node.mtime),
    linkTarget: linkTo ?? symlinkTarget(node),
    deviceMajor: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    deviceMinor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
    records: type === 'link' ? [] : (node.extendedAttributes ?? []).flatMap(attributeRecord),
  };
}

export function symlinkTarget(node: TreeNode): Buffer {
  return node.linkTargetRaw ?? Buffer.from(node.linkTarget ?? '');
}

function fileSize(node: TreeNode): number {
  const size = Number(node.size ?? 0);
  if (Number.isSafeInteger(size)) return size;
  throw new HoldfastError('damaged', `the file ${node.name} has an impossible size`);
}

const aclKeys = new Map([
  ['system.posix_acl_access', 'SCHILY.acl.access'],
  ['system.posix_acl_default', 'SCHILY.acl.default'],
]);

function attributeRecord({ name, value }: ExtendedAttribute): (readonly [string, Buffer])[] {
  if (value === null) return [];
  const aclKey = aclKeys.get(name);
  if (aclKey === undefined) return [[`SCHILY.xattr.${name}`, value]];
  const text = aclText(value);
  return text === undefined ? [] : [[aclKey, Buffer.from(text)]];
}
