/** Lists that are cut, broken, endless, or hold what is not ours. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, backendBefore, failureOf, page } from '../../../test/support/answering-s3.ts';

const names = ['a', 'b', 'c'].map((digit) => digit.repeat(64));

describe('S3Backend', () => {
  it('lists page by page, in both ways, and skips what is no file of the repository', async (t) => {
    const strange = ['r/index/', 'r/index/readme', `r/index/deeper/${names[0]}`, `other/index/${names[0]}`];
    const seen: (string | null)[] = [];
    const answer: Answer = (request, response) => {
      const query = new URL(request.url ?? '', 'http://h').searchParams;
      const from = query.get('continuation-token') ?? query.get('marker');
      seen.push(query.get('list-type'), from);
      const first = page(
        [...strange, `r/index/${names[0]}`, `r/index/${names[1]}`],
        '<IsTruncated>true</IsTruncated><NextContinuationToken>t/1</NextContinuationToken>',
      );
      response.writeHead(200).end(from === null ? first : page([`r/index/${names[2]}`], '<IsTruncated>false</IsTruncated>'));
    };
    const expected = names.map((name) => ({ name, sizeBytes: 5 }));
    assert.deepEqual(await Array.fromAsync((await backendBefore(t, answer)).list('index')), expected);
    assert.deepEqual(seen.splice(0), ['2', null, '2', 't/1']);
    assert.deepEqual(await Array.fromAsync((await backendBefore(t, answer, { listsByFirstVersion: true })).list('index')), expected);
    assert.deepEqual(seen, [null, null, null, `r/index/${names[1]}`]);
  });

  it('takes no list that is cut short for a whole one, and follows none that has no end', async (t) => {
    const whole = page([`r/index/${names[0]}`, `r/index/${names[1]}`], '<IsTruncated>false</IsTruncated>');
    let sent = '';
    const backend = await backendBefore(t, (_request, response) => void response.writeHead(200).end(sent));
    for (let length = 0; length < whole.length; length += 7) {
      sent = whole.slice(0, length);
      assert.equal((await failureOf(Array.fromAsync(backend.list('index')))).code, 'storage-failed', `${length} ${sent}`);
    }
    for (const token of ['<NextContinuationToken>again</NextContinuationToken>', '']) {
      sent = page([`r/index/${names[0]}`], `<IsTruncated>true</IsTruncated>${token}`);
      assert.match((await failureOf(Array.fromAsync(backend.list('index')))).message, /does not go on/);
    }
  });

  it('never reads an answer without an end into memory', async (t) => {
    const backend = await backendBefore(t, (_request, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 20)));
      };
      response.on('drain', more);
      more();
    });
    assert.match((await failureOf(Array.fromAsync(backend.list('index')))).message, /the answer has no end/);
  });
});
