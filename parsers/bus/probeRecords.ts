import { ACK, BSY, type Burst, IO, REQ, RST, type SampleSink, SEL } from '../../src/base/samples.ts';
import { LINES_BYTES, le16, parseLines } from './probePackets.ts';

/** Ticks of a probe's clock as nanoseconds of the stream. */
export interface ProbeClock {
  nanoseconds(ticks: number): number;
}

const FLAG_WIDE = 1;
const FLAG_PARITY = 2;
const BURST = 0x80;
const BURST_PARITY = 0x81;
const COUNT = 0xa0;
const TICKS_MAX = Number.MAX_SAFE_INTEGER;

/** Bit n: the odd parity line of the byte n is asserted, which is so where n has an even number of ones. */
const ODD_PARITY = parityTable();

/** The lines as a probe's SAMPLES and STATE packets tell them (protocol section 3), pushed into a sink. */
export class ProbeRecords {
  /** The moment that was read up to, in ticks. */
  ticks = 0;
  /** Whether the sink expects parity lines. */
  parity = false;
  private readonly clock: ProbeClock;
  private control = 0;
  private data = 0;
  private parityLines = 0;
  /** The lines at `ticks` were not pushed yet: more records may belong to the same sample. */
  private dirty = false;
  private at = 0;
  private readonly burst: Burst = {
    from: 0,
    to: 0,
    reqs: 0,
    acks: 0,
    units: undefined,
    unitBytes: 1,
    badParity: undefined,
    badBytes: 0,
  };

  constructor(clock: ProbeClock) {
    this.clock = clock;
  }

  /** All lines as they are at `ticks`, from `b[at]`. */
  set(ticks: number, b: Uint8Array, at: number): void {
    const lines = parseLines(b, at);
    this.ticks = ticks;
    this.control = lines.control;
    this.data = lines.data;
    this.parityLines = lines.parity;
    this.dirty = true;
  }

  /** The lines did not move up to `ticks`. */
  still(ticks: number, sink: SampleSink): void {
    this.ticks = ticks;
    this.dirty = true;
    this.flush(sink);
  }

  flush(sink: SampleSink): void {
    if (!this.dirty) return;
    this.dirty = false;
    sink.sample(this.clock.nanoseconds(this.ticks), this.control, this.data, this.parity ? this.parityLines : 0);
  }

  /**
   * Reads the records `b[at, to)` of a SAMPLES packet. False where one is cut, unknown or impossible: those before it stand.
   * All that was read is pushed.
   */
  read(b: Uint8Array, at: number, to: number, flags: number, sink: SampleSink): boolean {
    this.at = at;
    let whole = true;
    while (whole && this.at < to) {
      const first = b[this.at++];
      if (first < 0x80) whole = this.edge(first, b, to, flags, sink);
      else if (first === BURST || first === BURST_PARITY) whole = this.handshakes(first, b, to, flags, sink);
      else whole = first === COUNT && this.handshakes(first, b, to, flags, sink);
      if ((flags & FLAG_PARITY) === 0) this.fillParity(flags);
    }
    this.flush(sink);
    return whole;
  }

  /** Where the probe's parity lines are not valid, they are made what the data needs. */
  private fillParity(flags: number): void {
    this.parityLines = oddParity(this.data, (flags & FLAG_WIDE) !== 0);
  }

  private edge(first: number, b: Uint8Array, to: number, flags: number, sink: SampleSink): boolean {
    let growth = first >> 4;
    if (growth === 7) growth = this.varint(b, to);
    if (growth < 0 || this.ticks + growth > TICKS_MAX) return false;
    const width = (flags & FLAG_WIDE) !== 0 ? 2 : 1;
    const code = first & 0x0f;
    const length = code === 9 ? 1 : code === 10 ? width : code === 11 ? width + 1 : code === 14 ? LINES_BYTES : 0;
    if (code === 13 || code === 15 || this.at + length > to) return false;
    if (growth > 0) {
      this.flush(sink);
      this.ticks += growth;
    }
    const at = this.at;
    this.at += length;
    if (code < 9) this.control ^= 1 << code;
    else if (code === 9) this.parityLines = b[at] & 3;
    else if (code === 14) this.set(this.ticks, b, at);
    else if (code !== 12) {
      this.data = width === 2 ? le16(b, at) : b[at];
      if (code === 11) this.parityLines = b[at + width] & 3;
    }
    this.dirty = true;
    return true;
  }

  /** A burst or count record: complete handshakes without their edges. */
  private handshakes(kind: number, b: Uint8Array, to: number, flags: number, sink: SampleSink): boolean {
    const lead = this.varint(b, to);
    const span = this.varint(b, to);
    const reqs = this.varint(b, to);
    const acks = this.varint(b, to);
    const bad = kind === COUNT ? this.varint(b, to) : 0;
    if (lead < 0 || span < 0 || reqs < 0 || acks < 0 || bad < 0) return false;
    const from = this.ticks + lead;
    if (from + span > TICKS_MAX || !this.mayBurst()) return false;
    const unitBytes = (flags & FLAG_WIDE) !== 0 ? 2 : 1;
    const bytes = kind === COUNT ? 0 : ((this.control & IO) !== 0 ? reqs : acks) * unitBytes;
    const bitmap = kind === BURST_PARITY ? Math.ceil(bytes / 8) : 0;
    const at = this.at;
    if (at + bytes + bitmap > to) return false;
    this.at += bytes + bitmap;
    this.flush(sink);
    const { burst } = this;
    burst.from = this.clock.nanoseconds(from);
    burst.to = this.clock.nanoseconds(from + span);
    burst.reqs = reqs;
    burst.acks = acks;
    burst.unitBytes = unitBytes;
    burst.units = kind === COUNT ? undefined : b.subarray(at, at + bytes);
    burst.badParity = bitmap === 0 ? undefined : b.subarray(at + bytes, at + bytes + bitmap);
    burst.badBytes = bad;
    sink.burst(burst);
    this.ticks = from + span;
    if (bytes > 0) this.lastUnit(b, at + bytes - unitBytes, unitBytes, burst.badParity, bytes);
    this.dirty = true;
    return true;
  }

  /** Bursts lie inside an information phase, between handshakes. */
  private mayBurst(): boolean {
    return (this.control & (BSY | SEL | RST | REQ | ACK)) === BSY;
  }

  /** The data and parity lines stay what the burst's last unit had. */
  private lastUnit(b: Uint8Array, at: number, unitBytes: number, bad: Uint8Array | undefined, bytes: number): void {
    this.data = unitBytes === 2 ? le16(b, at) : b[at];
    this.parityLines = oddParity(this.data, unitBytes === 2);
    if (bad === undefined) return;
    for (let n = 0; n < unitBytes; n++) {
      const byte = bytes - unitBytes + n;
      if (((bad[byte >> 3] >> (byte & 7)) & 1) !== 0) this.parityLines ^= 1 << n;
    }
  }

  /** LEB128; -1 where it is cut or above 2^53-1. */
  private varint(b: Uint8Array, to: number): number {
    let value = 0;
    let scale = 1;
    for (let n = 0; n < 10 && this.at < to; n++) {
      const byte = b[this.at++];
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value <= TICKS_MAX ? value : -1;
      scale *= 128;
    }
    return -1;
  }
}

/** The parity lines of data without a fault: odd parity over each byte and its line (SPI-5 section 8). */
function oddParity(data: number, wide: boolean): number {
  return ODD_PARITY[data & 0xff] | (wide ? ODD_PARITY[data >> 8] << 1 : 0);
}

function parityTable(): Uint8Array {
  const table = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let ones = 0;
    for (let bit = 0; bit < 8; bit++) ones += (byte >> bit) & 1;
    table[byte] = 1 - (ones & 1);
  }
  return table;
}
