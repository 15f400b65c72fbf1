import { type MirrorsFile, readMirrors, writeMirrors } from './mirrorsFile.ts';
import { membersOf } from './wholeFile.ts';

/** A mirror that somebody paused. */
export interface PausedMirror {
  /** The LU or name of the volume, and the mirror's URL, as in the configuration. */
  volume: string;
  mirror: string;
  /** Who, as they call themselves, and when (ISO 8601). */
  by: string;
  at: string;
}

const FILE: MirrorsFile<PausedMirror> = {
  name: 'paused.json',
  done: 'are paused',
  without: 'the mirrors that were paused then go on',
  isMirror: isPaused,
};

/** The mirrors of a unit that are paused, whenever it starts again. Rejects with a `Fault`. */
export function readPaused(folder: string): Promise<PausedMirror[]> {
  return readMirrors(folder, FILE);
}

/** Durable when it resolves, as it was before whenever it does not come to that. Rejects with a `Fault`. */
export function writePaused(folder: string, mirrors: readonly PausedMirror[]): Promise<void> {
  return writeMirrors(folder, FILE, mirrors);
}

function isPaused(one: unknown): one is PausedMirror {
  const { volume, mirror, by, at } = membersOf(one);
  return [volume, mirror, by, at].every((word) => typeof word === 'string');
}
