import assert from 'node:assert/strict';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import puppeteer, { type Browser } from 'puppeteer-core';

export type { Page } from 'puppeteer-core';

/** Debian's name, and those that others have. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The path of a browser; undefined where none is installed. */
export function installedBrowser(): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // Not there.
      }
    }
  }
  return undefined;
}

/** Skips where no browser is installed, and says so; with TAPMIRROR_LIVE=required that is a failure. */
export function needBrowser(context: Mocha.Context): string {
  const found = installedBrowser();
  if (found !== undefined) return found;
  const why = `none of ${NAMES.join(', ')} is installed`;
  if (process.env.TAPMIRROR_LIVE === 'required') assert.fail(`the page cannot be tested: ${why}`);
  console.log(`    tests of the page are skipped: ${why}`);
  return context.skip();
}

const ARGUMENTS = ['--disable-gpu', '--disable-dev-shm-usage', '--force-device-scale-factor=1', '--no-first-run'];

/** A browser of its own, with nothing on its screen, and a profile that is gone with it. It is spoken to through a pipe. */
export function startBrowser(executablePath: string): Promise<Browser> {
  // Root has no sandbox; nothing but our own page is looked at.
  const args = process.getuid?.() === 0 ? [...ARGUMENTS, '--no-sandbox'] : ARGUMENTS;
  return puppeteer.launch({ executablePath, headless: true, pipe: true, args });
}

/** A program at `path` that runs the browser inside a network namespace. */
export function browserInside(space: string, executablePath: string, path: string): string {
  writeFileSync(path, `#!/bin/sh\nexec ip netns exec ${space} ${executablePath} "$@"\n`, { mode: 0o755 });
  return path;
}
