/** What a client of the server may do: every verb, every kind of file, every right, in its own repository and in another's. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { hashPassword } from '../../src/crypto/password-hash.ts';
import { rightsNames } from '../../src/server/rights.ts';
import { type FileKind, fileKinds } from '../../src/storage/backend.ts';
import { layoutFolders, pathSegments } from '../../src/storage/default-layout.ts';
import { ask, idOf } from '../support/raw-http.ts';
import { ServedFolder } from '../support/serve.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-rights-'));
const root = join(folder, 'served');
const password = 'a password';
let server: ServedFolder;

before(async () => {
  const clients = join(folder, 'clients.conf');
  const hash = await hashPassword(password);
  writeFileSync(clients, rightsNames.map((name) => `[${name}]\npassword = ${hash}\nrights = ${name}\n`).join('\n'));
  mkdirSync(root);
  server = await ServedFolder.start({ folder: root, args: ['--clients', clients] });
});

after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

type Verb = 'GET' | 'HEAD' | 'POST' | 'DELETE' | 'LIST';
const verbs: readonly Verb[] = ['HEAD', 'GET', 'LIST', 'POST', 'DELETE'];

/** The table of docs/serve.md, written down a second time: what the code says is not what it is compared with. */
function isExpected(rights: string, verb: Verb, kind: FileKind): boolean {
  if (rights === 'full') return true;
  if (verb === 'DELETE') return kind === 'lock';
  if (rights === 'write-only' && verb === 'GET') return ['config', 'key', 'index', 'lock'].includes(kind);
  return true;
}

function addressOf(repository: string, verb: Verb, kind: FileKind, name: string): string {
  if (kind === 'config') return `/${repository}/config`;
  return verb === 'LIST' ? `/${repository}/${layoutFolders[kind]}/` : `/${repository}/${layoutFolders[kind]}/${name}`;
}

function place(repository: string, kind: FileKind, bytes: Buffer): string {
  const name = kind === 'config' ? '' : idOf(bytes);
  const path = join(root, repository, ...pathSegments({ kind, name }));
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  writeFileSync(path, bytes);
  return path;
}

for (const rights of rightsNames) {
  describe(`a client with the right ${rights}`, () => {
    for (const kind of fileKinds) {
      for (const verb of verbs) {
        if (kind === 'config' && verb === 'LIST') continue;
        it(`${isExpected(rights, verb, kind) ? 'may' : 'may not'} ${verb} a ${kind} of its own`, async () => {
          await tryOut(rights, rights, verb, kind);
        });
        it(`may not ${verb} a ${kind} of another client, and does not learn whether it is there`, async () => {
          const other = rights === 'full' ? 'append-only' : 'full';
          const path = place(other, kind, Buffer.from(`${other} ${kind}`));
          place(other, 'config', Buffer.from('config'));
          for (const name of [idOf(Buffer.from(`${other} ${kind}`)), 'e'.repeat(64)]) {
            const answer = await askFor(rights, addressOf(other, verb, kind, name), verb, Buffer.from('new'));
            assert.equal(answer.status, 403);
            assert.match(answer.body.toString(), verb === 'HEAD' ? /^$/ : /none of/);
          }
          assert.ok(existsSync(path));
        });
      }
    }
  });
}

async function tryOut(client: string, repository: string, verb: Verb, kind: FileKind): Promise<void> {
  const bytes = Buffer.from(`${repository} ${kind} ${verb}`);
  if (kind !== 'config') place(repository, 'config', Buffer.from('config'));
  const path = place(repository, kind, bytes);
  if (verb === 'POST') rmSync(path);
  if (verb === 'POST' && kind === 'config') mkdirSync(join(root, repository, 'keys'), { recursive: true });
  const answer = await askFor(client, addressOf(repository, verb, kind, idOf(bytes)), verb, bytes);
  const isAllowed = isExpected(client, verb, kind);
  assert.equal(answer.status, isAllowed ? 200 : 403, answer.body.toString());
  if (verb === 'GET') assert.equal(answer.body.equals(bytes), isAllowed);
  if (verb === 'LIST') assert.match(answer.body.toString(), new RegExp(idOf(bytes)));
  if (verb === 'HEAD') assert.equal(answer.headers['content-length'], String(bytes.length));
  assert.equal(existsSync(path), verb === 'DELETE' ? !isAllowed : true);
  if (verb === 'POST') assert.deepEqual(readFileSync(path), bytes);
}

async function askFor(client: string, path: string, verb: Verb, body: Buffer) {
  const method = verb === 'LIST' ? 'GET' : verb;
  return await ask(server.port, { method, path, user: `${client}:${password}`, ...(verb === 'POST' ? { body } : {}) });
}

describe('whoever has no right at all', () => {
  it('is told to give name and password, whatever is asked for', async () => {
    place('full', 'config', Buffer.from('config'));
    for (const user of [undefined, 'full:wrong', 'nobody:a password', ':', 'full', `append-only:${password}x`]) {
      for (const path of ['/full/config', '/full/data/', '/nothing/config', '/full/?create=true']) {
        const method = path.endsWith('true') ? 'POST' : 'GET';
        const answer = await ask(server.port, { method, path, ...(user === undefined ? {} : { user }) });
        assert.equal(answer.status, 401, `${user} ${path}`);
        assert.match(String(answer.headers['www-authenticate']), /^Basic /);
      }
    }
  });

  it('may be a name that is the beginning of another', async () => {
    place('full2', 'config', Buffer.from('config'));
    assert.equal((await askFor('full', '/full2/config', 'GET', Buffer.alloc(0))).status, 403);
  });

  it('gains nothing by a file that is there already: no upload replaces one, of whichever rights', async () => {
    for (const client of rightsNames) {
      const bytes = Buffer.from('the right content');
      const path = place(client, 'pack', bytes);
      place(client, 'config', Buffer.from('config'));
      const address = addressOf(client, 'POST', 'pack', idOf(bytes));
      assert.equal((await askFor(client, address, 'POST', bytes)).status, 200, 'the same again is stored already');
      writeFileSync(path, 'damaged content!!');
      const answer = await askFor(client, address, 'POST', bytes);
      assert.equal(answer.status, 403);
      assert.match(answer.body.toString(), /on the server already, and damaged/);
      assert.equal(readFileSync(path, 'utf8'), 'damaged content!!');
      assert.equal((await askFor(client, `/${client}/config`, 'POST', bytes)).status, 403);
      assert.equal(readFileSync(join(root, client, 'config'), 'utf8'), 'config');
    }
  });
});
