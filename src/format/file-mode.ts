/**
 * Kinds and permissions of files: st_mode of Unix, and Go's os.FileMode, which is the number that restic stores.
 * The bits are those of Go's io/fs package; a tree depends on every one.
 */
export type NodeType = 'file' | 'dir' | 'symlink' | 'dev' | 'chardev' | 'fifo' | 'socket' | 'irregular' | '';

export const goMode = {
  dir: 2 ** 31,
  symlink: 2 ** 27,
  device: 2 ** 26,
  namedPipe: 2 ** 25,
  socket: 2 ** 24,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  charDevice: 2 ** 21,
  sticky: 2 ** 20,
  irregular: 2 ** 19,
  permissions: 0o777,
} as const;

const unixFormatMask = 0o170000;
const unixSetuid = 0o4000;
const unixSetgid = 0o2000;
const unixSticky = 0o1000;

const formats: readonly { readonly unix: number; readonly go: number; readonly type: NodeType }[] = [
  { unix: 0o100000, go: 0, type: 'file' },
  { unix: 0o040000, go: goMode.dir, type: 'dir' },
  { unix: 0o120000, go: goMode.symlink, type: 'symlink' },
  { unix: 0o060000, go: goMode.device, type: 'dev' },
  { unix: 0o020000, go: goMode.device + goMode.charDevice, type: 'chardev' },
  { unix: 0o010000, go: goMode.namedPipe, type: 'fifo' },
  { unix: 0o140000, go: goMode.socket, type: 'socket' },
];

/** By the four bits of the format in st_mode. */
const goByFormat: readonly number[] = tableByFormat((format) => format.go, goMode.irregular);
const typeByFormat: readonly NodeType[] = tableByFormat((format) => format.type, 'irregular');

function tableByFormat<T>(pick: (format: (typeof formats)[number]) => T, other: T): T[] {
  const table = new Array<T>(16).fill(other);
  for (const format of formats) table[format.unix >> 12] = pick(format);
  return table;
}

/** The type of node for a st_mode. */
export function nodeTypeOfUnixMode(unixMode: number): NodeType {
  return typeByFormat[(unixMode & unixFormatMask) >> 12] as NodeType;
}

/** os.FileMode for a st_mode, as restic stores it: permissions, type, setuid, setgid and sticky. */
export function goModeOfUnixMode(unixMode: number): number {
  let mode = (unixMode & goMode.permissions) + (goByFormat[(unixMode & unixFormatMask) >> 12] as number);
  if ((unixMode & unixSetuid) !== 0) mode += goMode.setuid;
  if ((unixMode & unixSetgid) !== 0) mode += goMode.setgid;
  if ((unixMode & unixSticky) !== 0) mode += goMode.sticky;
  return mode;
}

/** The permission bits of an os.FileMode for chmod(2): 0 to 0o7777. */
export function unixPermissionsOfGoMode(mode: number): number {
  let permissions = mode & goMode.permissions;
  if ((mode & goMode.setuid) !== 0) permissions |= unixSetuid;
  if ((mode & goMode.setgid) !== 0) permissions |= unixSetgid;
  if ((mode & goMode.sticky) !== 0) permissions |= unixSticky;
  return permissions;
}

/** The st_mode of a node, its format taken from the node's type. */
export function unixModeOfNode(type: NodeType, mode: number): number {
  const format = formats.find((candidate) => candidate.type === type);
  return (format?.unix ?? 0) | unixPermissionsOfGoMode(mode);
}

/** Letters of os.FileMode's own text, from the highest bit down. */
const goModeLetters = 'dalTLDpSugct?'.split('');
const permissionLetters = 'rwxrwxrwx'.split('');

/** As `restic ls --long` prints it, such as `drwxr-xr-x`, `Lrwxrwxrwx` or `ugrwxr-xr-x`. */
export function formatFileMode(type: NodeType, mode: number): string {
  const bits = (mode | (formats.find((format) => format.type === type)?.go ?? 0)) >>> 0;
  const kind = goModeLetters.filter((_letter, index) => ((bits >>> (31 - index)) & 1) === 1).join('');
  const permissions = permissionLetters.map((letter, index) => (((bits >>> (8 - index)) & 1) === 1 ? letter : '-')).join('');
  return (kind === '' ? '-' : kind) + permissions;
}
