import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import { fileFault } from './fileFaults.ts';
import { syncFolder } from './wholeFile.ts';

/** A folder of images that appears with all of them. */
export interface ImageFolder {
  /** Where an image of this name is to be written. */
  file(name: string): string;
  /** Gives the folder its name, durably. */
  done(): Promise<void>;
  /** Takes away what was written, unless it is done. */
  drop(): Promise<void>;
}

/** Begins a folder at `path`, where nothing may be. Rejects with a `Fault`. */
export async function openImageFolder(path: string): Promise<ImageFolder> {
  const draft = `${path}.${process.pid}.partial`;
  let named = false;
  try {
    await refuseExisting(path);
    await mkdir(draft, { mode: 0o700 });
  } catch (error) {
    throw folderFault(path, error);
  }
  return {
    file: (name) => join(draft, name),
    done: async () => {
      try {
        await syncFolder(draft);
        await refuseExisting(path);
        await rename(draft, path);
        named = true;
        await syncFolder(dirname(path));
      } catch (error) {
        throw folderFault(path, error);
      }
    },
    drop: async () => {
      if (!named) await rm(draft, { recursive: true, force: true });
    },
  };
}

async function refuseExisting(path: string): Promise<void> {
  const there = await stat(path).then(
    () => true,
    () => false,
  );
  if (there) throw new Fault('local', `${path} is there already`, 'name a folder that is not');
}

function folderFault(path: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const system = error as NodeJS.ErrnoException;
  if (system.code !== 'ENOENT') return fileFault(path, 'making the folder', system);
  return new Fault('local', `the folder above ${path} does not exist`, 'make it, or name another', { cause: error });
}
