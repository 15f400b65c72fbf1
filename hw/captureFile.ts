import { constants, open as openFd } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { Fault } from '../src/base/fault.ts';
import type { FrameSource } from '../src/base/frames.ts';
import { type ByteSource, FileBytes, PeekedBytes, peek, StreamBytes } from './captureBytes.ts';
import { GunzipBytes, isGzip } from './captureGzip.ts';
import { MergedCaptures } from './captureMerge.ts';
import { ChunkPool } from './captureRing.ts';
import { CaptureStream, readingFault } from './captureStream.ts';

export interface CaptureOptions {
  /** Bytes read at a time; 1 MiB, less where many files are open. */
  chunkBytes?: number;
}

const CHUNK = 1 << 20;
const SMALLEST_CHUNK = 1 << 16;
/** What a file that waits for its turn holds. */
const FIRST_CHUNK = 1 << 15;
/** Shared by the chunks of all files that are read at once. */
const CHUNKS_BYTES = 1 << 25;
const FORMATS = 'give a pcap or pcapng capture, plain or packed with gzip';

/**
 * Opens capture files as one stream of time: frames of several files come in the order of their time stamps, frames of the
 * same time in the order of the files. `-` is standard input. Rejects with a `Fault` that names the file when one cannot be
 * read or is no capture.
 */
export async function openCaptures(paths: readonly string[], options: CaptureOptions = {}): Promise<FrameSource> {
  if (paths.length === 0)
    throw new Fault('local', 'no capture file was named', 'name one or more, or - for standard input');
  if (paths.filter(isStandardInput).length > 1) {
    throw new Fault('local', 'standard input was named twice', 'name - once');
  }
  const fair = Math.floor(CHUNKS_BYTES / paths.length / 4);
  const chunkBytes = options.chunkBytes ?? Math.min(CHUNK, Math.max(SMALLEST_CHUNK, fair));
  const pool = new ChunkPool(chunkBytes);
  const streams: CaptureStream[] = [];
  try {
    for (const path of paths) streams.push(await openStream(path, pool, Math.min(FIRST_CHUNK, chunkBytes)));
  } catch (error) {
    for (const stream of streams) await stream.close();
    throw error;
  }
  return new MergedCaptures(streams, pool);
}

export function isStandardInput(path: string): boolean {
  return path === '-' || path === '/dev/stdin';
}

/** Opens one file and reads up to its first frames. */
async function openStream(path: string, pool: ChunkPool, firstBytes: number): Promise<CaptureStream> {
  const name = isStandardInput(path) ? 'standard input' : path;
  let source: ByteSource | undefined;
  try {
    source = await openBytes(path);
    const head = await peek(source, 4);
    if (head.length === 0) throw new Fault('local', `${name}: is empty`, FORMATS);
    const peeked = new PeekedBytes(head, source);
    source = isGzip(head) ? new GunzipBytes(peeked) : peeked;
    const stream = new CaptureStream(name, source, pool, firstBytes);
    await stream.fill();
    if (!stream.opened) throw headerFault(name, head, stream);
    return stream;
  } catch (error) {
    await source?.close();
    if (error instanceof Fault) throw error;
    throw new Fault('local', `${name}: ${readingFault(error)}`, mendOf(error), { cause: error });
  }
}

/** The bytes of a file, a pipe or a device; `-` is standard input. Rejects with the system's error, or a `Fault`. */
export async function openBytes(path: string): Promise<ByteSource> {
  if (isStandardInput(path)) {
    if (process.stdin.isTTY) {
      throw new Fault('local', 'standard input is a terminal', 'pipe a capture into it, or name a file');
    }
    return new StreamBytes(process.stdin);
  }
  const found = await stat(path);
  if (found.isDirectory()) throw new Fault('local', `${path}: is a directory`, 'name the capture files in it');
  if (found.isFIFO()) {
    // Opened and read without blocking: a thread that waits for a writer could not be ended.
    const fd = await promisify(openFd)(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return new StreamBytes(new Socket({ fd, readable: true, writable: false }));
  }
  const handle = await open(path, 'r');
  if (found.isFile()) return new FileBytes(handle, found.size);
  return new StreamBytes(handle.createReadStream());
}

function headerFault(name: string, head: Uint8Array, stream: CaptureStream): Fault {
  const reason = stream.fault?.reason ?? 'too short for a header';
  return new Fault('local', `${name}: no readable capture header (${reason})`, unpackMend(head) ?? FORMATS);
}

/** Other packed files are told by their first bytes. */
function unpackMend(head: Uint8Array): string | undefined {
  const magic = Buffer.from(head).toString('hex');
  const tool = magic === '28b52ffd' ? 'zstd' : magic === 'fd377a58' ? 'xz' : magic.startsWith('425a68') ? 'bzip2' : '';
  return tool === '' ? undefined : `unpack it first: ${tool} -dc FILE, piped into standard input (-)`;
}

/** What to do about a file that could not be opened or read. */
export function mendOf(error: unknown, formats = FORMATS): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'check the name';
    case 'EACCES':
    case 'EPERM':
      return 'make it readable for the user who runs this';
    case 'EMFILE':
    case 'ENFILE':
      return 'raise the limit of open files (ulimit -n), or name fewer files';
    default:
      return formats;
  }
}
