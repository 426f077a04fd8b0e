/** The measuring behind script/bench. */
import { runBench } from '../test/bench/bench.ts';

process.exitCode = await runBench(process.argv.slice(2));
