/** An entry of a snapshot as JSON; field names and their order are restic's. */
import { formatFileMode } from '../../format/file-mode.ts';
import { displayName } from '../../format/go-quote.ts';
import type { TreeNode } from '../../format/node.ts';
import { displayPath, type TreePath } from '../../repository/tree/tree-path.ts';

/** For `ls`: every regular file has a size, nothing else has. */
export function listedNode(path: TreePath, node: TreeNode): object {
  return {
    name: displayName(node.name),
    type: node.type,
    path: displayPath(path),
    uid: node.uid,
    gid: node.gid,
    ...(node.type === 'file' ? { size: node.size ?? 0 } : {}),
    ...(node.mode === undefined ? {} : { mode: node.mode }),
    permissions: formatFileMode(node.type, node.mode ?? 0),
    mtime: node.mtime,
    atime: node.atime,
    ctime: node.ctime,
    ...(node.inode === undefined ? {} : { inode: node.inode }),
    message_type: 'node',
    struct_type: 'node',
  };
}

/** For `find`: the node without its content and attributes. */
export function foundNode(path: TreePath, node: TreeNode): object {
  const optional = {
    user: node.user,
    group: node.group,
    inode: node.inode,
    device_id: node.deviceId,
    size: node.size,
    links: node.links,
    linktarget: node.linkTarget,
    linktarget_raw: node.linkTargetRaw?.toString('base64'),
    error: node.error,
  };
  return {
    path: displayPath(path),
    permissions: formatFileMode(node.type, node.mode ?? 0),
    type: node.type,
    ...(node.mode === undefined ? {} : { mode: node.mode }),
    mtime: node.mtime,
    atime: node.atime,
    ctime: node.ctime,
    uid: node.uid,
    gid: node.gid,
    // JSON.stringify leaves out what is undefined.
    ...optional,
  };
}
