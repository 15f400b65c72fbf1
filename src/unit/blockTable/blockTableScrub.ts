import type { BlockTable, Reading } from '../../blocks/blockTable.ts';

export interface ScrubOptions {
  table: BlockTable;
  /** Of the volume that the table is about. */
  read: (offset: number, into: Uint8Array) => Promise<void>;
  /** Bytes a second that are read while nobody writes. */
  bytesPerSecond?: number;
  /** False: nothing is read unless it is asked for. */
  background?: boolean | undefined;
}

const TICK_MS = 100;
const BYTES_PER_SECOND = 64 * 1024 * 1024;
/** More writes or bytes of them within a tick, and nothing is read; few leave it a part of its rate. */
const BUSY_WRITES = 20;
const BUSY_BYTES: number = 1024 * 1024;
const BUSY_SHARE = 1 / 8;
/** So many ticks without such a load, and it is over: what is written in bursts would be read between them. */
const CALM_TICKS = 5;

/** Reads what a block table does not know, in the background, as long as the volume is not busy. */
export class Scrub {
  readonly #options: ScrubOptions;
  readonly #timer: NodeJS.Timeout | undefined;
  #buffer: Uint8Array | undefined;
  #writes = 0;
  #writtenBytes = 0;
  #calm = CALM_TICKS;
  #group = 0;
  #credit = 0;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: ScrubOptions) {
    this.#options = options;
    if (options.background === false) return;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** Has a group read at once, whoever is busy. */
  async bring(group: number): Promise<void> {
    const reading = this.#options.table.reading(group);
    if (reading) await this.#take(reading);
  }

  /** Reads all that is not known, as fast as it goes; what is being written meanwhile stays unknown. */
  async whole(): Promise<void> {
    await this.#running;
    const { table } = this.#options;
    for (let reading = table.next(0); reading && !this.#stopped; reading = table.next(reading.group + 1)) {
      await this.#take(reading);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  #tick(): void {
    const { table, bytesPerSecond = BYTES_PER_SECOND } = this.#options;
    const writes = table.writes - this.#writes;
    const busy = writes > BUSY_WRITES || table.writtenBytes - this.#writtenBytes > BUSY_BYTES;
    this.#writes = table.writes;
    this.#writtenBytes = table.writtenBytes;
    this.#calm = busy ? 0 : this.#calm + 1;
    if (table.over || this.#running || this.#calm < CALM_TICKS || table.current === table.blocks) return;
    this.#credit = ((bytesPerSecond * TICK_MS) / 1000) * (writes === 0 ? 1 : BUSY_SHARE);
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    const { table } = this.#options;
    while (this.#credit > 0 && !this.#stopped) {
      const reading = table.next(this.#group);
      this.#group = reading ? reading.group + 1 : 0;
      if (!reading) return;
      this.#credit -= reading.length;
      await this.#take(reading);
    }
  }

  /** One that cannot be read stays unknown. */
  async #take(reading: Reading): Promise<void> {
    const { table, read } = this.#options;
    const pooled = this.#buffer;
    this.#buffer = undefined;
    const buffer = pooled && pooled.length >= reading.length ? pooled : new Uint8Array(reading.length);
    const bytes = buffer.subarray(0, reading.length);
    try {
      await read(reading.offset, bytes);
      table.known(reading, bytes);
    } catch {
      table.unread(reading);
    } finally {
      this.#buffer = buffer;
    }
  }
}
