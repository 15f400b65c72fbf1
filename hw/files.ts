import { type BigIntStats, close, constants, fdatasync, fstat, ftruncate, open, read } from 'node:fs';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Piece } from '../src/base/change.ts';
import { Fault } from '../src/base/fault.ts';
import type { Volume, VolumeIdentity } from '../src/base/volume.ts';
import { blockDeviceBytes } from './blockDevice.ts';
import { fileFault } from './fileFaults.ts';
import { FileWrites, stopped } from './fileWrites.ts';
import { lockFile } from './lock.ts';

export interface FileVolumeOptions {
  /** Bytes per block, for counting `blocks`; 512 when it is not known. */
  blockSize?: number;
  /** False: opened for reading only. */
  writable: boolean;
  /** True: no other unit has this medium while it is open (see `lockFile`). */
  lock?: boolean;
}

/** What was found at a path. */
export interface Medium {
  kind: 'file' | 'block';
  bytes: number;
  /** Bytes of a block as the system likes them (st_blksize), a power of two. */
  blockBytes: number;
  id: string;
  rdev: bigint;
}

/**
 * A regular file or a block device as a volume. It is never created here: a mirror that starts from nothing is the
 * operator's decision. Rejects with a `Fault` that names the path and the mend.
 *
 * Calls may overlap. `close` waits for writes only; from then on every call rejects, and reads that are under way may.
 */
export async function openFileVolume(path: string, options: FileVolumeOptions): Promise<Volume> {
  const { fd, medium } = await openMedium(path, options);
  return new FileVolume(path, fd, options.blockSize ?? 512, medium);
}

/** Opens what holds blocks, locked where that is wanted. The descriptor is the caller's. Rejects with a `Fault`. */
export async function openMedium(
  path: string,
  options: Pick<FileVolumeOptions, 'writable' | 'lock'>,
): Promise<{ fd: number; medium: Medium }> {
  const doing = options.writable ? 'opening it for writing' : 'opening it for reading';
  let fd = -1;
  try {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    const { kind } = await mediumOf(path, await stat(path, { bigint: true }));
    // O_EXCL on a block device asks Linux to refuse one that is mounted or claimed.
    const claim = kind === 'block' && options.writable ? constants.O_EXCL : 0;
    fd = await promisify(open)(path, (options.writable ? constants.O_RDWR : constants.O_RDONLY) | claim);
    // By descriptor, as the name may have come to mean something else meanwhile.
    const opened = await new Promise<BigIntStats>((resolve, reject) => {
      fstat(fd, { bigint: true }, (error, status) => (error ? reject(error) : resolve(status)));
    });
    const medium = await mediumOf(path, opened);
    if (options.lock === true) await lockFile(fd, path);
    return { fd, medium };
  } catch (error) {
    if (fd >= 0) close(fd);
    throw error instanceof Fault ? error : fileFault(path, doing, error as NodeJS.ErrnoException);
  }
}

async function mediumOf(path: string, status: BigIntStats): Promise<Medium> {
  const { rdev } = status;
  const blockBytes = Number(status.blksize);
  if (status.isFile()) {
    if (status.size > BigInt(Number.MAX_SAFE_INTEGER)) throw new Fault('local', `${path} is longer than 2^53-1 bytes`);
    return { kind: 'file', bytes: Number(status.size), blockBytes, id: `file ${status.dev}:${status.ino}`, rdev };
  }
  if (status.isBlockDevice()) {
    return { kind: 'block', bytes: await blockDeviceBytes(path, rdev), blockBytes, id: `block device ${rdev}`, rdev };
  }
  const what = status.isDirectory() ? 'a directory' : 'neither a regular file nor a block device';
  throw new Fault('local', `${path} is ${what}`, 'name a file or a block device');
}

class FileVolume implements Volume {
  unsure = false;
  readonly blockSize: number;
  readonly #path: string;
  readonly #fd: number;
  readonly #medium: Medium;
  readonly #listeners: ((blocks: number) => void)[] = [];
  readonly #writes: FileWrites;
  #bytes: number;
  /** The system may have given the descriptor's number to another file. */
  #closed = false;

  constructor(path: string, fd: number, blockSize: number, medium: Medium) {
    this.#path = path;
    this.#fd = fd;
    this.blockSize = blockSize;
    this.#medium = medium;
    this.#bytes = medium.bytes;
    this.#writes = new FileWrites(path, fd);
  }

  get down(): boolean {
    return false;
  }

  get blocks(): number {
    return Math.floor(this.#bytes / this.blockSize);
  }

  identity(): VolumeIdentity {
    return { kind: this.#medium.kind, id: this.#medium.id };
  }

  read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      let done = 0;
      const more = (): void => {
        if (done === into.length) resolve();
        else if (signal?.aborted) reject(stopped(this.#path));
        else if (this.#closed) reject(this.#gone());
        else read(this.#fd, into, done, into.length - done, offset + done, landed);
      };
      const landed = (error: NodeJS.ErrnoException | null, bytes: number): void => {
        const doing = `reading ${into.length} bytes at ${offset}`;
        if (error) reject(fileFault(this.#path, doing, error));
        else if (bytes === 0) reject(new Fault('local', `${this.#path} ends at ${offset + done} (${doing})`));
        else {
          done += bytes;
          more();
        }
      };
      more();
    });
  }

  async writev(pieces: readonly Piece[], options: { fua: boolean }, signal?: AbortSignal): Promise<void> {
    if (this.#closed) throw this.#gone();
    this.#check(pieces);
    await this.#writes.write(pieces, signal);
    if (options.fua) await this.flush();
  }

  zero(offset: number, length: number): Promise<void> {
    return this.writev([{ offset, length, payload: 'zeros' }], { fua: false });
  }

  /** Node cannot punch holes; zeros read the same. */
  unmap(offset: number, length: number): Promise<void> {
    return this.zero(offset, length);
  }

  flush(): Promise<void> {
    if (this.#closed) return Promise.reject(this.#gone());
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => {
        if (error) {
          this.unsure = true;
          reject(fileFault(this.#path, 'flushing', error));
        } else resolve();
      });
    });
  }

  async grow(bytes: number): Promise<void> {
    if (this.#closed) throw this.#gone();
    if (this.#medium.kind === 'block') {
      this.#resized(await blockDeviceBytes(this.#path, this.#medium.rdev));
      if (this.#bytes >= bytes) return;
      const what = `${this.#path} is a block device of ${this.#bytes} bytes, ${bytes} are needed`;
      throw new Fault('local', what, `enlarge the device to at least ${bytes} bytes`);
    }
    if (bytes <= this.#bytes) return;
    await new Promise<void>((resolve, reject) => {
      ftruncate(this.#fd, bytes, (error) => {
        if (error) reject(fileFault(this.#path, `growing it to ${bytes} bytes`, error));
        else resolve();
      });
    });
    this.#resized(bytes);
  }

  onSizeChange(listener: (blocks: number) => void): void {
    this.#listeners.push(listener);
  }

  /** A full disk cannot be asked for room without writing, so only the length is looked at anew. */
  async revive(): Promise<void> {
    if (this.#closed) throw this.#gone();
    if (this.#medium.kind === 'block') {
      this.#resized(await blockDeviceBytes(this.#path, this.#medium.rdev));
      return;
    }
    const status = await new Promise<BigIntStats>((resolve, reject) => {
      fstat(this.#fd, { bigint: true }, (error, told) => (error ? reject(error) : resolve(told)));
    }).catch((error: NodeJS.ErrnoException) => {
      throw fileFault(this.#path, 'looking at it again', error);
    });
    this.#resized(Number(status.size));
  }

  /** A second call does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writes.close();
    await new Promise<void>((resolve, reject) => {
      close(this.#fd, (error) => {
        if (error) reject(fileFault(this.#path, 'closing', error));
        else resolve();
      });
    });
  }

  #gone(): Fault {
    return new Fault('local', `${this.#path} is closed`);
  }

  #resized(bytes: number): void {
    if (bytes === this.#bytes) return;
    this.#bytes = bytes;
    for (const listener of this.#listeners) listener(this.blocks);
  }

  /** Written past its end a file would grow without a word. */
  #check(pieces: readonly Piece[]): void {
    for (const { offset, length } of pieces) {
      const end = offset + length;
      if (end <= this.#bytes) continue;
      const what = `${this.#path} holds ${this.#bytes} bytes, and a write reaches to ${end}`;
      const longer = `make it longer: truncate -s ${end} ${this.#path}`;
      const mend = this.#medium.kind === 'file' ? longer : `enlarge the device to at least ${end} bytes`;
      throw new Fault('local', what, mend);
    }
  }
}
