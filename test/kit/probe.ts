import { Probe, probeFrame } from '../../parsers/bus/probeFrames.ts';

/** Writes what a bus probe sends (protocol version 1), for tests: a frame for each call, in `frames`. */
export class ProbeWriter {
  seq: number;
  frames: Uint8Array[] = [];
  readonly width: 8 | 16;

  constructor(options: { seq?: number; width?: 8 | 16 } = {}) {
    this.seq = options.seq ?? 7;
    this.width = options.width ?? 8;
  }

  packet(type: number, payload: Uint8Array | readonly number[]): Uint8Array {
    const frame = probeFrame(type, this.seq, Uint8Array.from(payload));
    this.seq = (this.seq + 1) & 0xffff;
    this.frames.push(frame);
    return frame;
  }

  hello(
    options: { boot?: number; clockHz?: number; major?: number; state?: number; features?: number } = {},
  ): Uint8Array {
    const { boot = 1, clockHz = 100e6, major = 1, state = 0, features = 7 } = options;
    return this.packet(Probe.HELLO, [
      major,
      0,
      ...Buffer.from('PROBE-01'),
      ...le(boot, 4),
      ...le(clockHz, 4),
      this.width,
      state,
      ...le(features, 2),
      ...le(8192, 4),
      ...le(1024, 2),
      ...text('a probe'),
      ...text('2.1'),
    ]);
  }

  state(what: number, time: number, lines: Lines = [0, 0, 0], mode = 0): Uint8Array {
    return this.packet(Probe.STATE, [what, mode, ...le(time, 8), ...linesOf(lines)]);
  }

  samples(time: number, lines: Lines, records: readonly number[] = [], flags = this.width === 16 ? 3 : 2): Uint8Array {
    return this.packet(Probe.SAMPLES, [flags, ...le(time, 8), ...linesOf(lines), ...records]);
  }

  overflow(from: number, to: number, lost = 5, cause = 1): Uint8Array {
    return this.packet(Probe.OVERFLOW, [...le(from, 8), ...le(to, 8), ...le(lost, 4), cause]);
  }

  heartbeat(time: number, filled = 0, mode = 0): Uint8Array {
    return this.packet(Probe.HEARTBEAT, [...le(time, 8), ...le(0, 8), ...le(0, 4), ...le(filled, 2), mode]);
  }

  reply(command: number, seq: number, result = 0): Uint8Array {
    return this.packet(Probe.REPLY, [command, ...le(seq, 2), result]);
  }

  /** All frames so far, and begins anew. */
  take(): Uint8Array {
    const all = Buffer.concat(this.frames);
    this.frames = [];
    return all;
  }
}

/** Control, data, parity. */
export type Lines = readonly [number, number, number];

export function linesOf([control, data, parity]: Lines): number[] {
  return [...le(control, 2), ...le(data, 2), parity];
}

export function le(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, n) => Math.floor(value / 256 ** n) % 256);
}

export function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
  return [...out, rest];
}

function text(words: string): number[] {
  const bytes = Buffer.from(words);
  return [bytes.length, ...bytes];
}
