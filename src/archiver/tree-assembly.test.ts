import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { HoleToken } from '../workers/archive/messages.ts';
import { type HoleText, type PendingDirectory, TreeAssembly } from './tree-assembly.ts';

/** What a directory of the test consists of; `later` says whether it leaves a hole. */
type Part =
  | { readonly kind: 'file'; readonly later: boolean }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'share'; readonly parts: readonly Part[] }
  | { readonly kind: 'directory'; readonly later: boolean; readonly parts: readonly Part[] };

const parts = fc.letrec<{ part: Part; parts: Part[] }>((tie) => ({
  part: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: fc.constant('file' as const), later: fc.boolean() }),
    fc.record({ kind: fc.constant('nothing' as const) }),
    fc.record({ kind: fc.constant('share' as const), parts: tie('parts') }),
    fc.record({ kind: fc.constant('directory' as const), later: fc.boolean(), parts: tie('parts') }),
  ),
  parts: fc.array(tie('part'), { maxLength: 6 }),
})).parts;

/** Trees as texts, each stored under its hash as the repository does. */
class Trees {
  readonly stored = new Map<string, string>();

  save(nodes: readonly string[]): string {
    const text = nodes.join(',');
    const id = createHash('sha256').update(text).digest('hex');
    this.stored.set(id, text);
    return id;
  }
}

/** What workers say of a random tree: the texts that one worker alone would make, and the messages of several. */
class Script {
  readonly messages: ((assembly: TreeAssembly) => void)[] = [];
  readonly trees = new Trees();
  #nextToken: HoleToken = 1;
  #nextName = 0;

  /** @returns the part as its directory has it, and the text that it stands for */
  tell(part: Part): { part: string | HoleToken | undefined; text: string } {
    if (part.kind === 'nothing') return this.#hole('');
    if (part.kind === 'file') {
      const text = `{"file":${this.#nextName++}}`;
      return part.later ? this.#hole(text) : { part: text, text };
    }
    const told = part.parts.map((inner) => this.tell(inner));
    const texts = told.map((inner) => inner.text).filter((text) => text !== '');
    const isWhole = told.every((inner) => typeof inner.part === 'string');
    if (part.kind === 'share') return this.#pending(told, '', texts.join(','));
    const head = `{"dir":${this.#nextName++},"subtree":"`;
    const text = `${head}${this.trees.save(texts)}"}`;
    return isWhole && !part.later ? { part: text, text } : this.#pending(told, head, text);
  }

  #hole(text: string): { part: HoleToken; text: string } {
    const token = this.#nextToken++;
    this.messages.push((assembly) => assembly.fill(token, text === '' ? undefined : text));
    return { part: token, text };
  }

  #pending(told: readonly { part: string | HoleToken | undefined }[], head: string, text: string): { part: HoleToken; text: string } {
    const token = this.#nextToken++;
    const own = told.map((inner) => inner.part).filter((inner) => inner !== undefined);
    this.messages.push((assembly) => assembly.add(pending(token, own, head)));
    return { part: token, text };
  }
}

function pending(token: HoleToken, directoryParts: readonly (string | HoleToken)[], head: string): PendingDirectory {
  const snapshotPath = new Uint8Array(0);
  return { kind: 'pending', token, parts: directoryParts, head, snapshotPath, isNew: true, previousTree: undefined, isSameMetadata: false };
}

function assemblyOver(trees: Trees, onDirectory: (id: string) => void = () => {}): TreeAssembly {
  return new TreeAssembly({
    saveTree: async (nodes) => trees.save(nodes),
    onDirectory: (_directory, id) => onDirectory(id),
    onError: (error) => assert.fail(String(error)),
  });
}

describe('TreeAssembly', () => {
  it('makes the same trees whatever the order in which answers come', async () => {
    const scripted = parts.chain((inner) => {
      const script = new Script();
      const told = script.tell({ kind: 'directory', later: true, parts: inner });
      return fc.record({
        script: fc.constant(script),
        told: fc.constant(told),
        order: fc.shuffledSubarray(script.messages, { minLength: script.messages.length }),
        asksFirst: fc.boolean(),
      });
    });
    await fc.assert(
      fc.asyncProperty(scripted, async ({ script, told, order, asksFirst }) => {
        const trees = new Trees();
        const assembly = assemblyOver(trees);
        const early = asksFirst ? assembly.textOf(told.part) : undefined;
        for (const message of order) message(assembly);
        assert.equal(await (early ?? assembly.textOf(told.part)), told.text);
        for (const [id, text] of trees.stored) assert.equal(text, script.trees.stored.get(id));
      }),
      { numRuns: 300 },
    );
  });

  it('tells each directory once, children before their parents', async () => {
    const trees = new Trees();
    const told: string[] = [];
    const assembly = assemblyOver(trees, (id) => told.push(trees.stored.get(id) ?? ''));
    assembly.add(pending(1, [2, '"leaf"'], 'outer:'));
    assembly.add(pending(2, [3], 'inner:'));
    assembly.fill(3, '"file"');
    const outer = await assembly.textOf(1);
    assert.deepEqual(
      told.map((text) => text.split(',').length),
      [1, 2],
    );
    assert.equal(told[0], '"file"');
    assert.match(outer ?? '', /^outer:[0-9a-f]{64}"\}$/u);
  });

  it('leaves out holes with nothing in them, and makes an empty tree where nothing is left', async () => {
    const trees = new Trees();
    const assembly = assemblyOver(trees);
    assembly.add(pending(1, [2, 3, 4], 'dir:'));
    assembly.add(pending(4, [5], ''));
    for (const token of [5, 3, 2]) assembly.fill(token, undefined);
    await assembly.textOf(1);
    assert.deepEqual([...trees.stored.values()], ['']);
  });

  it('hands on the failure to store a tree, and leaves its directory unfilled', async () => {
    const { promise, reject } = Promise.withResolvers<HoleText>();
    const problem = new Error('full');
    const assembly = new TreeAssembly({ saveTree: async () => Promise.reject(problem), onDirectory: () => {}, onError: reject });
    assembly.add(pending(1, [], 'dir:'));
    await assert.rejects(Promise.race([promise, assembly.textOf(1)]), problem);
  });
});
