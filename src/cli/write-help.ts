/** Writes help.txt from the tables: `node src/cli/write-help.ts`. A test fails as long as the two differ. */
import { writeFileSync } from 'node:fs';
import { topLevelHelp } from './help.ts';

writeFileSync(new URL('./help.txt', import.meta.url), topLevelHelp());
