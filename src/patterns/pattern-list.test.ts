import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compilePatterns } from './pattern-list.ts';
import { pathText } from './path-text.ts';

function isMatch(patterns: readonly string[], path: string, ignoreCase = false): boolean {
  return compilePatterns(patterns, { ignoreCase }).isMatch(pathText(path));
}

function mayMatchBelow(patterns: readonly string[], path: string): boolean {
  return compilePatterns(patterns).match(pathText(path)).childMayMatch;
}

/** Checked one by one with restic 0.19.1's filter package: pattern, paths that it matches, paths that it does not. */
const table: readonly (readonly [pattern: string, matched: readonly string[], missed: readonly string[]])[] = [
  ['foo', ['/foo', '/dir/foo', '/dir1/foo/dir2/file', 'foo', 'a/foo/b'], ['/dir/foobar', '/barfoo', '/Foo', '/']],
  ['foo/', ['/foo', '/foo/x'], ['/foox']],
  ['./foo', ['/a/foo'], ['/a/./bar']],
  ['foo/../bar', ['/bar', '/foo/bar'], ['/foo']],
  ['a//b', ['/a/b', '/x/a/b/c'], ['/a/x/b']],
  ['/bin', ['/bin', '/bin/bash'], ['/usr/bin/restic', 'bin', '/binx']],
  ['/', ['/', '/a', '/a/b'], ['a', 'a/b']],
  ['.', ['/./x'], ['/a']],
  ['*', ['/', '/a', 'a', '/a/b'], []],
  ['*.go', ['/x/y.go', '/y.go/z', '/.go'], ['/y.gox', '/ygo']],
  ['b*ash', ['/bin/bash', '/bash', '/bxxash/y'], ['/bin/ash', '/b/ash']],
  ['*foo*', ['/xfoox', '/foo', '/a/foo/b'], ['/fo/o']],
  ['f?o', ['/foo', '/fxo', '/f\u00e9o'], ['/fo', '/fooo', '/f/o']],
  ['[a-c]x', ['/ax', '/cx'], ['/dx', '/abx']],
  ['[^a-c]x', ['/dx', '/\u00e9x'], ['/ax', '/x']],
  ['[\\-\\]]', ['/-', '/]'], ['/\\', '/a']],
  ['\\*x', ['/*x'], ['/yx', '/\\*x']],
  ['\\[x', ['/[x'], ['/\\[x']],
  ['x]', ['/x]'], ['/x']],
  ['foo/*', ['/foo/x', '/a/foo/x/y'], ['/foo', '/a/x']],
  ['/foo/*/bar', ['/foo/x/bar', '/foo/x/bar/y'], ['/foo/bar', '/foo/x/y/bar', '/a/foo/x/bar']],
  ['foo/**/bar', ['/dir1/foo/dir2/bar/file', '/foo/bar/file', '/tmp/foo/bar', '/foo/1/2/3/bar'], ['/foo', '/bar/foo', '/foo/xbar']],
  [
    '/home/user/repos/**/target',
    ['/home/user/repos/a/target', '/home/user/repos/target', '/home/user/repos/a/b/target/c'],
    ['/home/user/target'],
  ],
  ['foo/**', ['/foo', '/foo/x', '/a/foo/b/c'], ['/a']],
  ['**/foo', ['/foo', '/a/b/foo', 'foo'], ['/foox']],
  ['**', ['/', '/a', 'a/b'], []],
  ['/**', ['/', '/a', '/a/b'], ['a']],
  ['/**/x', ['/x', '/a/x', '/a/b/x/c'], ['/a', 'a/x']],
  ['foo**', ['/foo', '/foobar'], ['/xfoo', '/fo']],
  ['foo/**bar', ['/foo/xbar', '/foo/bar'], ['/foo/x/bar']],
  ['a/b/c', ['/x/a/b/c/y', '/a/b/c'], ['/a/b', '/a/x/b/c']],
  ['../x', ['/../x'], ['/x']],
  // Two gaps: restic wants at least a component more than the pattern without them has.
  ['a/**/b/**', ['/a/b', '/a/b/c', '/a/x/b/c', '/z/a/b'], ['a/b', '/b/a']],
  ['a/**/**/b', ['/a/b', 'z/a/b', 'a/1/b', 'a/1/2/3/b'], ['a/b', '/b']],
  ['/a/**/b/**', ['/a/b/c', '/a/x/b/c', '/a/x/y/b/c'], ['/a/b', '/a/x/b']],
  ['**/**', ['a', '/a', '/'], []],
  ['/**/**/**', ['/a/b'], ['/a', '/']],
];

describe('a pattern', () => {
  for (const [pattern, matched, missed] of table) {
    it(`${pattern} matches what restic matches`, () => {
      for (const path of matched) assert.equal(isMatch([pattern], path), true, path);
      for (const path of missed) assert.equal(isMatch([pattern], path), false, path);
    });
  }

  it('is compared byte by byte, so names that are no UTF-8 can be matched too', () => {
    const name = pathText(Buffer.from([0x2f, 0x61, 0xff]));
    assert.equal(compilePatterns(['a?']).isMatch(name), true);
    assert.equal(compilePatterns(['a\udcff']).isMatch(name), true);
    assert.equal(compilePatterns(['a\udcfe']).isMatch(name), false);
    assert.equal(compilePatterns(['[^a]\udcff']).isMatch(name), false);
  });

  it('has Go’s oddities with characters of several bytes behind a star', () => {
    assert.equal(isMatch(['*[^\u00e9]'], '/\u00e9'), true);
    assert.equal(isMatch(['*??'], '/\u65e5'), true);
    assert.equal(isMatch(['??'], '/\u65e5'), false);
    assert.equal(isMatch(['?*?'], '/\u65e5'), false);
  });
});

describe('a list of patterns', () => {
  it('matches when any pattern does, and never when it is empty', () => {
    assert.equal(isMatch(['a', 'b'], '/b'), true);
    assert.equal(isMatch([], '/b'), false);
    assert.equal(isMatch(['', ''], '/b'), false);
    assert.equal(isMatch(['a'], ''), false);
    assert.deepEqual(compilePatterns([]).match(pathText('/x')), { isMatch: false, childMayMatch: false });
    assert.equal(compilePatterns(['']).isEmpty, true);
  });

  it('lets the last pattern that matches decide', () => {
    const list = ['/home/*', '!/home/Documents', '!/home/code', 'node_modules', '*~'];
    assert.equal(isMatch(list, '/home/games'), true);
    assert.equal(isMatch(list, '/home/Documents'), false);
    assert.equal(isMatch(list, '/home/Documents/letter'), false);
    assert.equal(isMatch(list, '/home/code/node_modules/x'), true);
    assert.equal(isMatch(list, '/home/Documents/letter~'), true);
    assert.equal(isMatch(['!foo', 'foo'], '/foo'), true);
    assert.equal(isMatch(['foo', '!foo'], '/foo'), false);
    assert.equal(isMatch(['foo', '!foo', 'foo/bar'], '/foo/bar'), true);
    assert.equal(isMatch(['!foo'], '/bar'), false);
    assert.equal(isMatch(['*', '!'], '/x'), true);
  });

  it('ignores case where asked to, as Go does it', () => {
    assert.equal(isMatch(['*.JPG'], '/a.jpg', true), true);
    assert.equal(isMatch(['*.jpg'], '/A.JPG', true), true);
    assert.equal(isMatch(['*.JPG'], '/a.jpg'), false);
    assert.equal(isMatch(['\u00c4rger'], '/\u00e4RGER/x', true), true);
    assert.equal(isMatch(['\u039f\u03a3'], '/\u03bf\u03c3', true), true);
    assert.equal(isMatch(['\u0130'], '/i', true), true);
    assert.equal(isMatch(['\u00df'], '/SS', true), false);
    assert.equal(isMatch(['[A-C]x'], '/Bx', true), true);
  });

  it('keeps thousands of patterns apart', () => {
    const list = compilePatterns([
      ...Array.from({ length: 3000 }, (_, index) => `/srv/${index}/cache`),
      ...Array.from({ length: 3000 }, (_, index) => `*.ext${index}`),
      ...Array.from({ length: 300 }, (_, index) => `tmp${index}-*x`),
    ]);
    assert.equal(list.isMatch(pathText('/srv/2999/cache/a/b')), true);
    assert.equal(list.isMatch(pathText('/srv/3000/cache/a/b')), false);
    assert.equal(list.isMatch(pathText('/a/b.ext17')), true);
    assert.equal(list.isMatch(pathText('/a/b.ext3000')), false);
    assert.equal(list.isMatch(pathText('/a/tmp299-x')), true);
    assert.equal(list.isMatch(pathText('/a/tmp300-x')), false);
  });

  it('gives the same answer whatever was asked before', () => {
    const list = compilePatterns(['a', '!b', '/x/**/c']);
    const paths = ['/a/b/z', '/a', '/a/b', '/x/1/c/2', '/x/1', '/x/1/c', '/q/r/s', 'a/q', 'a'].map((path) => pathText(path));
    for (const path of [...paths, ...paths.reverse()]) {
      assert.equal(list.isMatch(path), compilePatterns(['a', '!b', '/x/**/c']).isMatch(path), path);
    }
  });
});

describe('what may match below a path', () => {
  it('is anything for a pattern that is not rooted', () => {
    assert.equal(mayMatchBelow(['foo'], '/a/b'), true);
    assert.equal(mayMatchBelow(['**/foo'], '/a'), true);
  });

  it('is along the way of a rooted pattern, and below its end', () => {
    for (const path of ['/home', '/home/a', '/home/a/docs', '/home/a/docs/x'])
      assert.equal(mayMatchBelow(['/home/*/docs'], path), true, path);
    for (const path of ['/usr', '/home/a/pictures', '/home/a/b/docs', 'home'])
      assert.equal(mayMatchBelow(['/home/*/docs'], path), false, path);
  });

  it('is anything behind a gap', () => {
    for (const path of ['/a', '/a/b', '/a/b/x/y']) assert.equal(mayMatchBelow(['/a/b/**/c'], path), true, path);
    for (const path of ['/b', '/a/c']) assert.equal(mayMatchBelow(['/a/b/**/c'], path), false, path);
  });

  it('is nothing where a later negation matches', () => {
    assert.equal(mayMatchBelow(['foo', '!/a'], '/a/b'), false);
    assert.equal(mayMatchBelow(['!/a', 'foo'], '/a/b'), true);
    assert.equal(mayMatchBelow(['!/a'], '/b'), false);
  });
});

describe('malformed patterns', () => {
  for (const pattern of ['[', 'a[', '[]', '[^]', '[a-]', '[-a]', '[a', '\\', 'x\\', '/a/[/b', 'x[a-c]*[', '[a\\']) {
    it(`${pattern} is refused`, () => {
      assert.throws(() => compilePatterns(['fine', pattern]), {
        name: 'HoldfastError',
        code: 'usage',
        message: `malformed pattern: ${pattern}`,
      });
    });
  }

  it('are all named', () => {
    assert.throws(() => compilePatterns(['[', 'ok', 'b\\']), { message: 'malformed patterns: [, b\\' });
  });
});

it('does not hang on patterns made to be slow', () => {
  const gaps = compilePatterns([`${'a/**/'.repeat(40)}b`, `${'**/a/'.repeat(40)}b`]);
  const stars = compilePatterns([`${'*a'.repeat(60)}b`, `${'*[a-b]?'.repeat(40)}c`]);
  const path = pathText(`/${'a/'.repeat(400)}a`);
  const name = pathText(`/${'a'.repeat(255)}`);
  const start = performance.now();
  assert.equal(gaps.isMatch(path), false);
  assert.equal(stars.isMatch(name), false);
  assert.ok(performance.now() - start < 20_000);
});

it('takes a path of a hundred thousand components', () => {
  assert.equal(compilePatterns(['foo']).isMatch(pathText(`/${'a/'.repeat(100_000)}b`)), false);
});

/** The language said again in the plainest way: every gap expanded to every number of stars. */
function plainMatch(pattern: string, path: string): boolean {
  const names = path.split('/');
  if (names[0] === '') names[0] = '/';
  const parts = pattern.split('/');
  if (parts[0] === '') parts[0] = '/';
  return expandGaps(parts, names.length).some((expanded) => runMatches(expanded, names));
}

function expandGaps(parts: readonly string[], longest: number): string[][] {
  const at = parts.indexOf('**');
  if (at < 0) return [[...parts]];
  const expanded: string[][] = [];
  for (let stars = 0; stars <= longest - parts.length + 1; stars += 1) {
    expanded.push(...expandGaps([...parts.slice(0, at), ...Array<string>(stars).fill('*'), ...parts.slice(at + 1)], longest));
  }
  return expanded;
}

function runMatches(parts: readonly string[], names: readonly string[]): boolean {
  if (parts.length === 0) return false;
  const first = parts[0] !== '/' && names[0] === '/' ? 1 : 0;
  const last = parts[0] === '/' ? 0 : names.length - parts.length;
  for (let offset = first; offset <= last; offset += 1) {
    if (parts.every((part, index) => nameMatches(part, names[offset + index]))) return true;
  }
  return false;
}

/** One character per test, ASCII only: there a name fits Go's matcher exactly when it fits this expression. */
function nameMatches(part: string, name: string | undefined): boolean {
  if (name === undefined || part === '/' || name === '/') return part === name;
  const expression = part.replace(/\*+|\?|[^*?[\]^a-z-]/g, (token) => (token.startsWith('*') ? '.*' : token === '?' ? '.' : `\\${token}`));
  return new RegExp(`^${expression}$`, 's').test(name);
}

const nameArbitrary = fc.constantFrom('a', 'b', 'ab', 'ba', 'aab', 'x.a', 'a.b');
const partArbitrary = fc.constantFrom('**', '**', '*', 'a', 'b', 'ab', 'a*', '*b', '*a*', 'a?', '?', '*.a', '[a]', '[^a]*', 'a*b', 'x.?');
const pathArbitrary = fc
  .tuple(fc.boolean(), fc.array(nameArbitrary, { minLength: 1, maxLength: 6 }))
  .map(([isAbsolute, names]) => `${isAbsolute ? '/' : ''}${names.join('/')}`);
const patternArbitrary = fc
  .tuple(fc.boolean(), fc.array(partArbitrary, { minLength: 1, maxLength: 4 }))
  .map(([isRooted, parts]) => `${isRooted ? '/' : ''}${parts.join('/')}`);

it('agrees with a plain expansion of its patterns, on lists with negations', () => {
  const line = fc.tuple(fc.boolean(), patternArbitrary);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), fc.array(pathArbitrary, { minLength: 1, maxLength: 6 }), (lines, paths) => {
      const list = compilePatterns(lines.map(([isNegated, pattern]) => (isNegated ? `!${pattern}` : pattern)));
      for (const path of paths) {
        let expected = false;
        for (const [isNegated, pattern] of lines) {
          if (plainMatch(pattern, path)) expected = !isNegated;
        }
        assert.equal(list.isMatch(pathText(path)), expected, path);
        assert.equal(list.match(pathText(path)).isMatch, expected, path);
      }
    }),
    { numRuns: 2000 },
  );
});

it('never says that nothing can match below a path where something does', () => {
  fc.assert(
    fc.property(fc.array(patternArbitrary, { minLength: 1, maxLength: 4 }), pathArbitrary, nameArbitrary, (patterns, path, name) => {
      const list = compilePatterns(patterns);
      if (list.isMatch(pathText(`${path}/${name}`))) assert.equal(list.match(pathText(path)).childMayMatch, true);
    }),
    { numRuns: 2000 },
  );
});
