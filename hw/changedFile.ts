import { type MirrorsFile, readMirrors, writeMirrors } from './mirrorsFile.ts';
import { membersOf } from './wholeFile.ts';

/** A mirror that somebody added to a running unit, or took from it, other than its configuration says. */
export interface ChangedMirror {
  /** The volume's LU, or the name that links call it. */
  volume: string;
  /** Its URL, without a secret. */
  mirror: string;
  change: 'added' | 'removed';
  /** Of one that was added: what the configuration would have in `mirrors`. */
  as?: unknown;
  /** Who, as they call themselves, and when (ISO 8601). */
  by: string;
  at: string;
}

const FILE: MirrorsFile<ChangedMirror> = {
  name: 'mirrors.json',
  done: 'were added or removed',
  without: 'the unit then has the mirrors that its configuration names',
  isMirror: isChanged,
};

/** What was changed, oldest first. Rejects with a `Fault`. */
export function readChanged(folder: string): Promise<ChangedMirror[]> {
  return readMirrors(folder, FILE);
}

/** Durable when it resolves, as it was before whenever it does not come to that. Rejects with a `Fault`. */
export function writeChanged(folder: string, mirrors: readonly ChangedMirror[]): Promise<void> {
  return writeMirrors(folder, FILE, mirrors);
}

function isChanged(one: unknown): one is ChangedMirror {
  const { volume, mirror, change, as, by, at } = membersOf(one);
  if (change !== 'removed' && (change !== 'added' || as === undefined)) return false;
  return [volume, mirror, by, at].every((word) => typeof word === 'string');
}
