import type { SourceFault } from './frames.ts';

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

/** Roles of signals: the lines of the bus; DB is the data bus whole (a vector, or a name for each line from DB(0) on). */
export type SignalRole = 'BSY' | 'SEL' | 'CD' | 'IO' | 'MSG' | 'REQ' | 'ACK' | 'ATN' | 'RST' | 'DB' | 'DBP0' | 'DBP1';

/** What the lines of a bus are called in a trace: `{BSY: {name: 'nBSY', active: 'low'}}`. */
export type SignalNames = Readonly<
  Partial<Record<SignalRole, { readonly name: string | readonly string[]; readonly active: 'low' | 'high' }>>
>;

/** Kinds of traces: VCD (scsimon's and logic analysers'), scsimon's JSON, the bytes that came from a probe. */
export type TraceKind = 'vcd' | 'json' | 'probe';

/** A trace that is read chunk by chunk into a sink. */
export interface TraceSource {
  /** The file's name as an operator knows it. */
  readonly name: string;
  readonly kind: TraceKind;
  /** Pushes the next chunk's samples into `sink`, always the same one; false once all was pushed and nothing is left. */
  pump(sink: SampleSink): Promise<boolean>;
  /** Bytes of input taken so far and in all (0 when unknown), for progress; of gzip, the packed bytes. */
  readonly position: number;
  readonly total: number;
  /** Where the file stopped being readable, once it did: it is used up to there. */
  readonly faults: readonly SourceFault[];
  close(): Promise<void>;
}
