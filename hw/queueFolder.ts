import { randomBytes } from 'node:crypto';
import { open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { readSegmentHeader, SALT_BYTES, SEGMENT_HEADER_BYTES, segmentHeader } from '../parsers/formats/queueSegment.ts';
import { isParseFault } from '../src/base/fault.ts';
import { makePrivateFolder } from './privateFolder.ts';
import { QueueSegment } from './queueSegment.ts';
import { stateFault } from './stateFaults.ts';
import { replaceDurably, syncFolder } from './wholeFile.ts';

const NAME = /^(\d{16})\.queue$/;
const DRAFT = /^\d{16}\.queue\.new$/;

/** A segment's file as it lies in the folder. */
export interface FoundSegment {
  readonly path: string;
  /** By its name. */
  readonly first: number;
  readonly bytes: number;
  /** Why its header is not believed, or is another store's. */
  readonly damage: string | undefined;
  readonly salt: Uint8Array;
}

/** The segments of a queue in their folder. */
export class QueueFolder {
  readonly path: string;
  readonly #directFrom: number | undefined;

  /** `directFrom`: where the default of its segments does not fit. */
  constructor(path: string, directFrom?: number) {
    this.path = path;
    this.#directFrom = directFrom;
  }

  /** Makes the folder, for this user alone, where it is missing. */
  async make(): Promise<void> {
    try {
      await makePrivateFolder(this.path);
    } catch (error) {
      throw stateFault(this.path, 'making it', error);
    }
  }

  /** The segments by their first sequence. `store`: 16 bytes that their headers must name. */
  async segments(store: Uint8Array): Promise<FoundSegment[]> {
    try {
      const names = await readdir(this.path);
      // Left by a process that ended while it made one.
      for (const name of names.filter((name) => DRAFT.test(name))) await unlink(join(this.path, name));
      const found = names.filter((name) => NAME.test(name)).sort();
      return await Promise.all(found.map((name) => this.#look(name, store)));
    } catch (error) {
      throw stateFault(this.path, 'reading it', error);
    }
  }

  /** Whether any segment lies there. */
  async isEmpty(): Promise<boolean> {
    try {
      return !(await readdir(this.path)).some((name) => NAME.test(name));
    } catch (error) {
      throw stateFault(this.path, 'reading it', error);
    }
  }

  open({ path, first, salt, bytes }: FoundSegment): Promise<QueueSegment> {
    return QueueSegment.open(path, { first, salt, end: bytes, directFrom: this.#directFrom });
  }

  /** A new segment, empty and durable with its name. */
  async create(store: Uint8Array, first: number): Promise<QueueSegment> {
    const path = join(this.path, `${String(first).padStart(16, '0')}.queue`);
    const salt = new Uint8Array(randomBytes(SALT_BYTES));
    await replaceDurably(path, segmentHeader({ store, salt, first }));
    return QueueSegment.open(path, { first, salt, end: SEGMENT_HEADER_BYTES, directFrom: this.#directFrom });
  }

  /** Makes names that came and went durable. */
  async sync(): Promise<void> {
    try {
      await syncFolder(this.path);
    } catch (error) {
      throw stateFault(this.path, 'making it durable', error);
    }
  }

  async remove({ path }: FoundSegment): Promise<void> {
    try {
      await unlink(path);
    } catch (error) {
      throw stateFault(path, 'removing it', error);
    }
  }

  async #look(name: string, store: Uint8Array): Promise<FoundSegment> {
    const path = join(this.path, name);
    const first = Number(NAME.exec(name)?.[1]);
    const { size } = await stat(path);
    const header = readSegmentHeader(await firstBytes(path));
    const none = new Uint8Array(SALT_BYTES);
    if (isParseFault(header)) return { path, first, bytes: size, damage: header.reason, salt: none };
    const { salt } = header;
    if (header.first !== first) return { path, first, bytes: size, damage: 'another name than its header', salt };
    const same = store.every((byte, i) => byte === header.store[i]);
    return { path, first, bytes: size, damage: same ? undefined : 'of another store', salt };
  }
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const handle = await open(path, 'r');
  try {
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
