import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './repository.ts';

/** The folder `shared` beside the project, where it is there: all captures, checks and the lab lie in it. */
export function sharedFolder(): string | undefined {
  const folder = join(repositoryRoot(), '..', 'shared');
  return existsSync(join(folder, 'captures')) ? folder : undefined;
}
