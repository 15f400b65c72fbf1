import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import puppeteer, { type Browser } from 'puppeteer-core';

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

/** A browser of its own, with nothing on its screen, and a profile that is gone with it. `prefix`: words before its command. */
export function startBrowser(executablePath: string): Promise<Browser> {
  const args = ['--disable-gpu', '--disable-dev-shm-usage', '--force-device-scale-factor=1', '--no-first-run'];
  // Root has no sandbox; nothing but our own page is looked at.
  if (process.getuid?.() === 0) args.push('--no-sandbox');
  return puppeteer.launch({ executablePath, headless: true, args });
}
