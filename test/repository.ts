import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder, found from wherever this was built into. */
export function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!isRoot(folder)) {
    if (folder === dirname(folder)) throw new Error('the tests do not lie inside the project');
    folder = dirname(folder);
  }
  return folder;
}

function isRoot(folder: string): boolean {
  const path = join(folder, 'package.json');
  return existsSync(path) && (JSON.parse(readFileSync(path, 'utf8')) as { name?: string }).name === 'tapmirror';
}

/** Captures with their sidecars: all of them where `../shared` lies beside the project, else the selection in `fixtures`. */
export function captureFolder(): string {
  const all = join(repositoryRoot(), '..', 'shared', 'captures');
  return existsSync(all) ? all : join(repositoryRoot(), 'fixtures');
}
