/** A configuration of rclone with remotes that need no service. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Hidden by rclone's own fixed key: the word "secret". */
const obscured = 'W7wEusmpm8MfOtInJas8en8fFjibsg';

/** @returns its path. `folder` takes any path, `behind` and `secret` (encrypted) lie in this folder. */
export async function writeRcloneConfig(folder: string, more = ''): Promise<string> {
  const path = join(folder, 'rclone.conf');
  await writeFile(
    path,
    `[folder]
type = local

[behind]
type = alias
remote = folder:${join(folder, 'behind')}

[secret]
type = crypt
remote = folder:${join(folder, 'secret')}
password = ${obscured}

${more}
`,
    { mode: 0o600 },
  );
  return path;
}
