/** From what the kernel says of an entry to the fields of its node. */
import { goModeOfUnixMode, nodeTypeOfUnixMode } from '../../format/file-mode.ts';
import type { QuotedName } from '../../format/go-quote.ts';
import { formatTime, parseTime } from '../../format/go-time.ts';
import type { NodeFields } from '../../format/node-encoder.ts';
import type { ParentEntry } from '../../format/parent-entries.ts';
import { groupName, userName } from '../../posix/accounts.ts';
import type { FileStat } from '../../posix/statx.ts';
import { listAttributes, type AttributeTarget } from '../../posix/xattrs.ts';
import type { FileChange } from './counters.ts';
import type { ChangeRules } from './messages.ts';

/** Everything but link target and extended attributes. */
export function fieldsOf(stat: FileStat, name: QuotedName, withAtime: boolean): NodeFields {
  const type = nodeTypeOfUnixMode(stat.mode);
  const { modifySeconds, modifyNanoseconds } = stat;
  return {
    nameQuoted: name,
    type,
    goMode: goModeOfUnixMode(stat.mode),
    mtimeSec: modifySeconds,
    mtimeNs: modifyNanoseconds,
    atimeSec: withAtime ? stat.accessSeconds : modifySeconds,
    atimeNs: withAtime ? stat.accessNanoseconds : modifyNanoseconds,
    ctimeSec: stat.changeSeconds,
    ctimeNs: stat.changeNanoseconds,
    uid: stat.uid,
    gid: stat.gid,
    user: userName(stat.uid),
    group: groupName(stat.gid),
    inode: stat.inode,
    deviceId: stat.deviceId,
    size: type === 'file' ? stat.sizeBytes : 0,
    links: type === 'dir' || type === 'fifo' || type === 'socket' ? 0 : stat.linkCount,
    device: type === 'dev' || type === 'chardev' ? stat.device : 0,
    linkTarget: undefined,
    xattrs: undefined,
  };
}

/** Adds the extended attributes, if there are any. @throws HoldfastError when they cannot be listed */
export function readAttributes(fields: NodeFields, target: AttributeTarget, onUnreadable: (name: string, error: unknown) => void): void {
  const attributes = listAttributes(target, onUnreadable);
  if (attributes.length > 0) fields.xattrs = attributes;
}

/** Whether the content of a file has to be read again, by restic's rules. */
export function isFileChanged(fields: NodeFields, previous: ParentEntry, rules: ChangeRules): boolean {
  if (previous.type !== 'file' || Number(previous.size) !== Number(fields.size)) return true;
  if (!isSameTime(previous.mtime, fields.mtimeSec, fields.mtimeNs)) return true;
  if (!rules.ignoreCtime && !isSameTime(previous.ctime, fields.ctimeSec, fields.ctimeNs)) return true;
  return !rules.ignoreInode && Number(previous.inode) !== Number(fields.inode);
}

/** What a file is that was read: it may prove to be the same although something spoke for a change, or its content was lost. */
export function changeOf(fields: NodeFields, content: string, previous: ParentEntry | undefined): FileChange {
  if (previous === undefined) return 'new';
  return previous.content === content && isSameMetadata(fields, previous) ? 'unchanged' : 'modified';
}

/** Two nodes of the same name: equal in all that tells a change. */
export function isSameMetadata(fields: NodeFields, previous: ParentEntry): boolean {
  return (
    previous.type === fields.type &&
    isSameTime(previous.mtime, fields.mtimeSec, fields.mtimeNs) &&
    isSameTime(previous.ctime, fields.ctimeSec, fields.ctimeNs) &&
    Number(previous.inode) === Number(fields.inode)
  );
}

/** The text differs where the time zone has changed in between. */
function isSameTime(previous: string, seconds: number | bigint, nanoseconds: number): boolean {
  return previous === formatTime(seconds, nanoseconds) || parseTime(previous) === BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
}
