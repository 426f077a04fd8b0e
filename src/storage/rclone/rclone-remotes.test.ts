import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRemotes, remoteName, tokenOf } from './rclone-remotes.ts';

const token = (more: object): string => JSON.stringify({ access_token: 'secret', token_type: 'Bearer', ...more });
const remotes = parseRemotes({
  drive: { type: 'drive', token: token({ refresh_token: 'secret', expiry: '2026-11-21T10:00:00.123456789+01:00' }) },
  forever: { type: 'dropbox', token: token({ expiry: '0001-01-01T00:00:00Z' }) },
  service: { type: 'drive', client_credentials: 'true', token: token({ expiry: '2026-11-21T10:00:00Z' }) },
  secret: { type: 'crypt', remote: 'drive:folder' },
  renamed: { type: 'alias', remote: 'secret:' },
  both: { type: 'union', upstreams: 'drive:a folder:/b' },
  circle: { type: 'alias', remote: 'circle:' },
  folder: { type: 'local' },
  broken: { type: 'drive', token: 'no JSON' },
  strange: 5,
});

describe('what rclone.conf says of an access', () => {
  it('is found behind the remotes that stand in front of another', () => {
    for (const remote of ['drive:x', 'secret:', 'renamed:deep/er', 'both:']) {
      const found = tokenOf(remotes, remote, {});
      assert.deepEqual([found?.owner, found?.service, found?.isRenewable], ['drive', 'drive', true], remote);
      assert.equal(found?.expiresMs, Date.parse('2026-11-21T09:00:00.123Z'));
      // Six months without use after the renewal, which was an hour before the end.
      assert.equal(found?.forgottenMs, Date.parse('2026-11-21T08:00:00.123Z') + 180 * 86_400_000);
    }
  });

  it('is nothing for remotes without one, in a circle, described in place, or broken', () => {
    for (const remote of ['folder:x', 'circle:', ':sftp,host=x:', '/path', 'unknown:x', 'broken:', 'strange:']) {
      assert.equal(tokenOf(remotes, remote, {}), undefined, remote);
    }
  });

  it('has no end where the year is 1, and renews itself with the credentials of a client', () => {
    assert.deepEqual(tokenOf(remotes, 'forever:', {}), { owner: 'forever', service: 'dropbox', isRenewable: false });
    assert.equal(tokenOf(remotes, 'service:', {})?.isRenewable, true);
  });

  it('may stand in variables, which win', () => {
    const variables = { RCLONE_CONFIG_DRIVE_TOKEN: token({ expiry: '2027-01-01T00:00:00Z' }) };
    assert.equal(tokenOf(remotes, 'drive:', variables)?.expiresMs, Date.parse('2027-01-01T00:00:00Z'));
    assert.equal(tokenOf(new Map(), 'drive:', variables)?.isRenewable, false);
  });

  it('reads the name of a remote', () => {
    assert.deepEqual(['a:b', 'a,x=y:b', ':local:b', '/a:b', 'a'].map(remoteName), ['a', 'a', undefined, undefined, undefined]);
  });
});
