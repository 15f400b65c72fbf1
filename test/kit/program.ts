import { fileURLToPath } from 'node:url';

const COVERED = process.env.NODE_V8_COVERAGE !== undefined;

/**
 * The command line program as users start it: from its bundle, if it was made beside these tests, which halves what a start
 * takes, else from the modules. What they cover is counted by modules.
 */
export const MAIN: string = fileURLToPath(
  new URL(`../../src/cli/${COVERED ? 'main.js' : 'launch.cjs'}`, import.meta.url),
);
