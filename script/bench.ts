/** The measuring behind script/bench. */
import { runBench } from '../test/bench/bench.ts';
import { benchLinks } from '../test/bench/links/bench-links.ts';

const [first, ...rest] = process.argv.slice(2);
process.exitCode = first === 'links' ? await benchLinks(rest) : await runBench(process.argv.slice(2));
