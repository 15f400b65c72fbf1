import { type MirrorsFile, readMirrors, writeMirrors } from './mirrorsFile.ts';

const FILE: MirrorsFile<string> = {
  name: 'promoted.json',
  done: 'were promoted',
  without: 'mirrors that were promoted are then brought up to date from their first volumes',
  isMirror: (one) => typeof one === 'string',
};

/**
 * The mirrors of a unit that were promoted, by their URLs: nobody mirrors into them, whenever the unit starts again. Rejects
 * with a `Fault`.
 */
export function readPromoted(folder: string): Promise<string[]> {
  return readMirrors(folder, FILE);
}

/** Durable when it resolves, as it was before whenever it does not come to that. Rejects with a `Fault`. */
export function writePromoted(folder: string, mirrors: readonly string[]): Promise<void> {
  return writeMirrors(folder, FILE, mirrors);
}
