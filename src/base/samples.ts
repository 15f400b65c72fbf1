/** Control lines of a parallel SCSI bus in one word; a set bit is an asserted line, whatever the voltage. */
export const BSY = 1 << 0;
export const SEL = 1 << 1;
export const CD = 1 << 2;
export const IO = 1 << 3;
export const MSG = 1 << 4;
export const REQ = 1 << 5;
export const ACK = 1 << 6;
export const ATN = 1 << 7;
export const RST = 1 << 8;

/** What a trace or a probe says about the bus before it begins, as far as it does. */
export interface BusFacts {
  /** Lines of the data bus that are sampled. */
  width: 8 | 16;
  /** Whether parity lines are sampled: bit 0 of `parity` is DB(P0), bit 1 DB(P1). */
  parity: boolean;
  /**
   * Whether times are the bus's own, so that SPI's timing rules may be applied to them (deskew, glitches). False for a
   * polling loop (scsimon): its samples are in order and no more.
   */
  timed: boolean;
}

/** Handshakes that a probe sent without their edges (probe protocol section 3). REQ and ACK are negated before and after. */
export interface Burst {
  /** Nanoseconds of the first leading and the last trailing edge. */
  from: number;
  to: number;
  /** Leading edges of REQ and of ACK. */
  reqs: number;
  acks: number;
  /** Data units in order, borrowed for the call; undefined where only their count was sent (header-only mode). */
  units: Uint8Array | undefined;
  /** Bytes of one unit: 2 on a 16-bit probe, DB(7-0) first, even where the transfer is 8 bits wide. */
  unitBytes: 1 | 2;
  /** One bit for each byte of `units`, lowest first: set where its parity was wrong. Undefined: none was known to be. */
  badParity: Uint8Array | undefined;
  /** Bytes with wrong parity where `units` is undefined. */
  badBytes: number;
}

/** Where a reader of traces or probe packets pushes what it finds, synchronously and in order of time. */
export interface SampleSink {
  begin(facts: BusFacts): void;
  /** The lines as they are from `time` (nanoseconds since the source's first moment, never running back) on. */
  sample(time: number, control: number, data: number, parity: number): void;
  burst(burst: Burst): void;
  /** Nothing is known of `[from, to]`: any line may have moved. The next sample is absolute again. */
  hole(from: number, to: number, why: string): void;
  /** Something an operator should read, once per cause. */
  notice(text: string): void;
}
