import { readFileSync } from 'node:fs';

let known: string | undefined;

/** The version that package.json gives; read once. */
export function packageVersion(): string {
  known ??= readVersion();
  return known;
}

/** How far above it stands depends on the folder this was built into. */
function readVersion(): string {
  for (let folder = new URL('.', import.meta.url); folder.pathname !== '/'; folder = new URL('..', folder)) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as Record<
        string,
        string
      >;
      if (name === 'tapmirror') return version;
    } catch {
      // None here: look one folder up.
    }
  }
  return 'unknown';
}
