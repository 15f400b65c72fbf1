import { type FileHandle, link, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import { writeAt } from './fileBytes.ts';
import { fileFault } from './fileFaults.ts';
import { ZEROS } from './gather.ts';
import { syncFolder } from './wholeFile.ts';

const CHUNK_BYTES = 1024 * 1024;
const PAGE_BYTES = 4096;

export interface ImageSource {
  readonly bytes: number;
  read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void>;
}

export interface ImageFileOptions {
  progress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Writes a volume into a new file at `path`, with holes for pages of zeros; durable when it resolves. The name appears with
 * the whole image only. Rejects with a `Fault`, as when something of that name exists; nothing is left behind then.
 */
export async function writeImageFile(path: string, source: ImageSource, options: ImageFileOptions = {}): Promise<void> {
  const draft = `${path}.${process.pid}.partial`;
  try {
    await refuseExisting(path);
    const file = await open(draft, 'wx', 0o600);
    try {
      await fill(file, path, source, options);
      await file.sync();
    } finally {
      await file.close();
    }
    await name(draft, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await unlink(draft).catch(() => undefined);
    throw error instanceof Fault ? error : imageFault(path, error as NodeJS.ErrnoException);
  }
}

async function fill(
  file: FileHandle,
  path: string,
  { bytes, read }: ImageSource,
  { progress, signal }: ImageFileOptions,
): Promise<void> {
  const chunk = new Uint8Array(Math.min(CHUNK_BYTES, bytes));
  await file.truncate(bytes);
  for (let offset = 0; offset < bytes; offset += CHUNK_BYTES) {
    if (signal?.aborted) throw new Fault('local', `${path}: stopped before it was done`);
    const part = chunk.subarray(0, Math.min(CHUNK_BYTES, bytes - offset));
    await read(offset, part, signal);
    for (const [from, to] of runs(part)) await writeAt(file, path, part.subarray(from, to), offset + from);
    progress?.(offset + part.length, bytes);
  }
}

/** The parts that are not whole pages of zeros. */
function runs(bytes: Uint8Array): [from: number, to: number][] {
  const found: [from: number, to: number][] = [];
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
    const end = Math.min(at + PAGE_BYTES, bytes.length);
    if (Buffer.compare(bytes.subarray(at, end), ZEROS.subarray(0, end - at)) === 0) continue;
    const last = found[found.length - 1];
    if (last !== undefined && last[1] === at) last[1] = end;
    else found.push([at, end]);
  }
  return found;
}

/** Gives the draft its name unless that is taken by now. */
async function name(draft: string, path: string): Promise<void> {
  try {
    await link(draft, path);
    await unlink(draft);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'EMLINK') throw error;
    // A file system without hard links.
    await refuseExisting(path);
    await rename(draft, path);
  }
}

async function refuseExisting(path: string): Promise<void> {
  const there = await stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  if (there) throw taken(path);
}

function taken(path: string): Fault {
  return new Fault(
    'local',
    `${path} exists: an image is written into a new file only`,
    'name another file, or delete it',
  );
}

function imageFault(path: string, error: NodeJS.ErrnoException): Fault {
  if (error.code === 'EEXIST') return taken(path);
  const fault = fileFault(path, 'writing the image', error);
  const mend = error.code === 'ENOENT' ? 'make the folder above it' : fault.mend;
  return new Fault('local', fault.message, mend, { cause: error });
}
