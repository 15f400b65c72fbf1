/** Bytes of data between two looks at whether compressing pays. */
const PROBE_BYTES: number = 4 * 1024 * 1024;
/** Shorter frames are not worth a compressor. */
const LEAST_BYTES = 512;
/** Nanoseconds of a busy link that its pace is averaged over. */
const PACE_NS = 0.5e9;
/** A byte that the link takes sooner than this is sent as it is, whatever it could become: half a gigabyte a second. */
const FAST_NS = 2;
/** Compressed data should take at most this share of the time, as what it costs the processor is somebody's too. */
const WORTH = 0.8;
/** Weight of the newest figure. */
const NEW = 0.25;

/** Decides, frame by frame, whether compressing pays. */
export class Thrift {
  readonly #mode: boolean | 'auto';
  #link = { ns: 0, bytes: 0 };
  #ratio: number | undefined;
  #costNs = 0;
  #until = 0;

  constructor(mode: boolean | 'auto') {
    this.#mode = mode;
  }

  /** True while frames are compressed but for looks. */
  get on(): boolean {
    return this.#mode === true || (this.#mode === 'auto' && this.#pays());
  }

  /** Whether a frame of data of this length should be compressed. */
  wants(bytes: number): boolean {
    if (this.#mode === false || bytes < LEAST_BYTES) return false;
    if (this.on) return true;
    this.#until -= bytes;
    if (this.#until > 0 || this.#linkNs() < FAST_NS) return false;
    this.#until = PROBE_BYTES;
    return true;
  }

  /** A frame became this, and took a compressor so long. */
  compressed(from: number, to: number, ns: number): void {
    const ratio = to / from;
    this.#costNs = this.#ratio === undefined ? ns / from : this.#costNs + NEW * (ns / from - this.#costNs);
    this.#ratio = this.#ratio === undefined ? ratio : this.#ratio + NEW * (ratio - this.#ratio);
  }

  /** The link took so long for so many bytes, and more waited all the while. */
  carried(bytes: number, ns: number): void {
    this.#link.bytes += bytes;
    this.#link.ns += ns;
    if (this.#link.ns < PACE_NS) return;
    this.#link.bytes /= 2;
    this.#link.ns /= 2;
  }

  /** Nanoseconds a byte; 0 while the link has never been busy. */
  #linkNs(): number {
    return this.#link.bytes === 0 ? 0 : this.#link.ns / this.#link.bytes;
  }

  #pays(): boolean {
    const linkNs = this.#linkNs();
    if (this.#ratio === undefined || linkNs < FAST_NS) return false;
    return Math.max(this.#costNs, linkNs * this.#ratio) < WORTH * linkNs;
  }
}
