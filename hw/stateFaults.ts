import { Fault } from '../src/base/fault.ts';
import { fileFault } from './fileFaults.ts';

/** Mends that differ from a volume's: these files the unit makes itself. */
const MENDS: Readonly<Record<string, string>> = {
  ENOENT: 'make the folder above it, or correct `state` in the configuration',
  ENOTDIR: 'correct `state` in the configuration: it names a folder',
  EEXIST: 'correct `state` in the configuration: it names a folder',
  EISDIR: 'name another folder for `state` in the configuration',
  ENOSPC: 'free some space there, then start again',
  EDQUOT: 'raise the quota or free some space, then start again',
  EROFS: 'remount it writable, or name another folder for `state` in the configuration',
};

/** And those of a file that is tried again while the unit runs. */
const KEPT_MENDS: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space there; it is tried again',
  EDQUOT: 'raise the quota or free some space; it is tried again',
  EROFS: 'remount it writable; it is tried again',
};

/** An error of the system about a file that the unit keeps for itself, as a `Fault`. */
export function stateFault(path: string, doing: string, error: unknown): Fault {
  return faultWith(MENDS, path, doing, error);
}

/** As `stateFault`, of a file that a running unit tries again. */
export function keepFault(path: string, doing: string, error: unknown): Fault {
  return faultWith(KEPT_MENDS, path, doing, error);
}

function faultWith(mends: Readonly<Record<string, string>>, path: string, doing: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const system = error as NodeJS.ErrnoException;
  const fault = fileFault(path, doing, system);
  const mend = mends[system.code ?? ''];
  return mend === undefined ? fault : new Fault(fault.blame, fault.message, mend, { cause: error });
}
