#!/usr/bin/env node
// Starts the program from one bundled file with the byte code that V8 kept of it: a hundred modules found, read and compiled
// one by one take longer than decoding half a gigabyte. The build makes both files; a Node of another version refuses the
// kept code and compiles, and without a bundle the modules themselves are started.
const fs: typeof import('node:fs') = require('node:fs');
const modules: typeof import('node:module') = require('node:module');
const path: typeof import('node:path') = require('node:path');
const vm: typeof import('node:vm') = require('node:vm');

const bundle = path.join(__dirname, '..', '..', 'tapmirror.cjs');
const kept = `${bundle}.code`;

function read(file: string): Buffer | undefined {
  try {
    return fs.readFileSync(file);
  } catch {
    return undefined;
  }
}

const source = read(bundle)?.toString('utf8');
if (source === undefined) {
  import('./main.js' as string).catch((error: unknown) => {
    process.exitCode = 1;
    process.stderr.write(`tapmirror: cannot start: ${String(error)}; build it: npm run build\n`);
  });
} else {
  const cachedData = read(kept);
  const script = new vm.Script(`(function (require, __filename) {'use strict';${source}\n})`, {
    filename: bundle,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  script.runInThisContext()(modules.createRequire(bundle), bundle);
  if (process.env.TAPMIRROR_KEEP_CODE !== undefined) {
    // After a run the code of every function that was called is there to be kept.
    process.on('exit', () => fs.writeFileSync(kept, script.createCachedData()));
  }
}
