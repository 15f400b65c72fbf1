import { readSync, writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Fault } from '../src/base/fault.ts';

/** Reads at `position` until `into` is full or the file ends; how many bytes that were. Rejects with the system's error. */
export async function readAt(handle: FileHandle, into: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** `readAt` that waits for the system. */
export function readAtNow(fd: number, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.length) {
    const bytes = readSync(fd, into, done, into.length - done, position + done);
    if (bytes === 0) break;
    done += bytes;
  }
  return done;
}

/** Writes all of `bytes` at `position`. Rejects with the system's error, or a `Fault` where `path` takes no more. */
export async function writeAt(handle: FileHandle, path: string, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    if (bytesWritten === 0) throw new Fault('local', `${path} takes no more bytes at ${position + done}`);
    done += bytesWritten;
  }
}

/** `writeAt` that waits for the system. */
export function writeAtNow(fd: number, path: string, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    const written = writeSync(fd, bytes, done, bytes.length - done, position + done);
    if (written === 0) throw new Fault('local', `${path} takes no more bytes at ${position + done}`);
    done += written;
  }
}
