import { type ParseFault, parseFault } from '../../src/base/fault.ts';

/** HELLO (section 3, 0x01): who the probe is and how it samples. */
export interface ProbeHello {
  major: number;
  minor: number;
  /** The unit's id in hex. */
  id: string;
  boot: number;
  clockHz: number;
  width: 8 | 16;
  capturing: boolean;
  headerOnly: boolean;
  features: number;
  /** Samples it can hold while the line is slow. */
  buffer: number;
  maxPayload: number;
  name: string;
  firmware: string;
}

/** Bits of `features`. */
export const FEATURE_HEADER_ONLY = 1;
export const FEATURE_PARITY = 2;

/** All lines (section 2). */
export interface ProbeLines {
  control: number;
  data: number;
  parity: number;
}

/** STATE (0x02). Times are ticks. */
export interface ProbeState extends ProbeLines {
  what: number;
  headerOnly: boolean;
  time: number;
}
export const STATE_STARTED = 1;
export const STATE_STOPPED = 3;

/** OVERFLOW (0x11): times are ticks; `lost` is undefined where the probe does not know. */
export interface ProbeOverflow {
  from: number;
  to: number;
  lost: number | undefined;
  cause: 'unknown' | 'line too slow' | 'sampler too slow';
}

/** HEARTBEAT (0x20). */
export interface ProbeHeartbeat {
  time: number;
  samples: number;
  lost: number;
  /** Share of the buffer that is filled, 0 to 1. */
  filled: number;
  headerOnly: boolean;
}

/** REPLY (0x21) and LOG (0x22). */
export interface ProbeReply {
  command: number;
  seq: number;
  result: number;
}
export interface ProbeLog {
  level: number;
  text: string;
}

const FIRST = 3;
export const LINES_BYTES = 5;

export function le16(b: Uint8Array, at: number): number {
  return b[at] | (b[at + 1] << 8);
}

export function le32(b: Uint8Array, at: number): number {
  return (b[at] | (b[at + 1] << 8) | (b[at + 2] << 16) | (b[at + 3] << 24)) >>> 0;
}

/** Infinity where a number cannot hold it exactly. */
export function le64(b: Uint8Array, at: number): number {
  const high = le32(b, at + 4);
  return high > 0x1fffff ? Number.POSITIVE_INFINITY : high * 0x100000000 + le32(b, at);
}

/** Fields start at `b[3]`, the payload ends at `to`. Bytes after the last field are a later version's, and ignored. */
export function parseHello(b: Uint8Array, to: number): ProbeHello | ParseFault {
  // A major version that is not known may look otherwise from its first field on: it is all that is read of it.
  if (to < FIRST + 2) return parseFault(to, 'HELLO is cut short');
  const major = b[FIRST];
  if (major !== 1) return parseFault(FIRST, `the probe speaks version ${major} of the protocol, this reads version 1`);
  if (to < 33) return parseFault(to, 'HELLO is cut short');
  const clockHz = le32(b, 17);
  const width = b[21];
  if (clockHz === 0) return parseFault(17, 'HELLO names a clock of 0 Hz');
  if (width !== 8 && width !== 16) return parseFault(21, `HELLO names a data bus of ${width} lines`);
  const name = text(b, 31, to);
  const firmware = name === undefined ? undefined : text(b, 32 + b[31], to);
  if (name === undefined || firmware === undefined) return parseFault(to, 'HELLO is cut short');
  return {
    major,
    minor: b[FIRST + 1],
    id: Buffer.from(b.subarray(5, 13)).toString('hex'),
    boot: le32(b, 13),
    clockHz,
    width,
    capturing: (b[22] & 1) !== 0,
    headerOnly: (b[22] & 2) !== 0,
    features: le16(b, 23),
    buffer: le32(b, 25),
    maxPayload: le16(b, 29),
    name,
    firmware,
  };
}

/** A length and as many bytes; control characters become `?`. */
function text(b: Uint8Array, at: number, to: number): string | undefined {
  if (at >= to || at + 1 + b[at] > to) return undefined;
  return clean(b.subarray(at + 1, at + 1 + b[at]));
}

function clean(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('utf8')
    .replace(/\p{Cc}/gu, '?');
}

export function parseLines(b: Uint8Array, at: number): ProbeLines {
  return { control: le16(b, at) & 0x1ff, data: le16(b, at + 2), parity: b[at + 4] & 3 };
}

export function parseState(b: Uint8Array, to: number): ProbeState | ParseFault {
  if (to < FIRST + 10 + LINES_BYTES) return parseFault(to, 'STATE is cut short');
  const time = le64(b, FIRST + 2);
  if (time === Number.POSITIVE_INFINITY) return parseFault(FIRST + 2, 'a time lies beyond 2^53 ticks');
  return { what: b[FIRST], headerOnly: b[FIRST + 1] === 1, time, ...parseLines(b, FIRST + 10) };
}

export function parseOverflow(b: Uint8Array, to: number): ProbeOverflow | ParseFault {
  if (to < FIRST + 21) return parseFault(to, 'OVERFLOW is cut short');
  const lost = le32(b, FIRST + 16);
  const cause = b[FIRST + 20];
  return {
    from: le64(b, FIRST),
    to: le64(b, FIRST + 8),
    lost: lost === 0xffffffff ? undefined : lost,
    cause: cause === 1 ? 'line too slow' : cause === 2 ? 'sampler too slow' : 'unknown',
  };
}

export function parseHeartbeat(b: Uint8Array, to: number): ProbeHeartbeat | ParseFault {
  if (to < FIRST + 23) return parseFault(to, 'HEARTBEAT is cut short');
  return {
    time: le64(b, FIRST),
    samples: le64(b, FIRST + 8),
    lost: le32(b, FIRST + 16),
    filled: le16(b, FIRST + 20) / 0xffff,
    headerOnly: b[FIRST + 22] === 1,
  };
}

export function parseReply(b: Uint8Array, to: number): ProbeReply | ParseFault {
  if (to < FIRST + 4) return parseFault(to, 'REPLY is cut short');
  return { command: b[FIRST], seq: le16(b, FIRST + 1), result: b[FIRST + 3] };
}

export function parseLog(b: Uint8Array, to: number): ProbeLog | ParseFault {
  if (to < FIRST + 1) return parseFault(to, 'LOG is cut short');
  return { level: b[FIRST], text: clean(b.subarray(FIRST + 1, to)) };
}
