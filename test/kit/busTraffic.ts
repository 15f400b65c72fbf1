import { ACK, ATN, BSY, CD, IO, MSG, REQ, RST, type SampleSink, SEL } from '../../src/base/samples.ts';

const PHASES = {
  dataOut: 0,
  command: CD,
  dataIn: IO,
  status: CD | IO,
  messageOut: MSG | CD,
  messageIn: MSG | CD | IO,
} as const;
export type PhaseName = keyof typeof PHASES;

export interface TransferOptions {
  /** The last byte comes without ATN (MESSAGE OUT). */
  atn?: boolean;
  /** Indexes of bytes whose parity is wrong. */
  wrong?: readonly number[];
  /** Two bytes at a time. */
  wide?: boolean;
  /** REQs that run ahead of the ACKs; 0 is asynchronous. */
  offset?: number;
}

/** Writes the lines of a bus, step by step, as two devices would move them. Every step is one sample. */
export class BusTraffic {
  time = 0;
  /** Nanoseconds between two steps. */
  step = 100;
  private readonly sink: SampleSink;
  private control = 0;
  private data = 0;
  private wrongParity = false;

  constructor(sink: SampleSink, facts: { width?: 8 | 16; parity?: boolean; timed?: boolean } = {}) {
    this.sink = sink;
    sink.begin({ width: facts.width ?? 8, parity: facts.parity ?? true, timed: facts.timed ?? false });
    this.emit();
  }

  /** Lines as they are, after `after` nanoseconds. */
  lines(control: number, data = this.data, after = this.step): void {
    this.control = control;
    this.data = data;
    this.time += after;
    this.emit();
  }

  /** Arbitration and selection (SPI-5 sections 10.2 and 10.3). */
  select(initiator: number, target: number, atn = true): void {
    const attention = atn ? ATN : 0;
    this.lines(BSY, 1 << initiator, 1200);
    this.lines(BSY | SEL | attention, 1 << initiator, 2400);
    const ids = (1 << initiator) | (1 << target);
    this.lines(BSY | SEL | attention, ids, 1200);
    this.lines(SEL | attention, ids);
    this.lines(SEL | BSY | attention, ids);
    this.lines(BSY | attention, 0);
  }

  /** Arbitration and reselection (SPI-5 section 10.4). */
  reselect(target: number, initiator: number): void {
    this.lines(BSY, 1 << target, 1200);
    const ids = (1 << initiator) | (1 << target);
    this.lines(BSY | SEL | IO, ids, 2400);
    this.lines(SEL | IO, ids);
    this.lines(SEL | BSY | IO, ids);
    this.lines(BSY | IO, 0);
  }

  /** Bytes with a handshake each (SPI-5 section 10.6.2), or units of a synchronous transfer (10.6.3). */
  transfer(phase: PhaseName, bytes: readonly number[] | Uint8Array, options: TransferOptions = {}): void {
    const lines = PHASES[phase];
    const step = options.wide === true ? 2 : 1;
    const units: { value: number; wrong: boolean; last: boolean }[] = [];
    for (let i = 0; i < bytes.length; i += step) {
      const value = bytes[i] | (step === 2 ? (bytes[i + 1] ?? 0) << 8 : 0);
      units.push({ value, wrong: options.wrong?.includes(i) === true, last: i + step >= bytes.length });
    }
    if ((options.offset ?? 0) > 0) this.synchronous(lines, units, options.offset ?? 0);
    else for (const unit of units) this.handshake(phase, lines, unit, options);
    this.wrongParity = false;
  }

  free(): void {
    this.lines(0, 0, 100);
    this.lines(0, 0, 900);
    this.emit();
  }

  reset(): void {
    this.lines(RST, 0, 100);
    this.lines(0, 0, 25_000);
  }

  hole(nanoseconds: number): void {
    this.sink.hole(this.time, this.time + nanoseconds, 'test');
    this.time += nanoseconds;
    this.emit();
  }

  private handshake(
    phase: PhaseName,
    lines: number,
    { value, wrong, last }: { value: number; wrong: boolean; last: boolean },
    options: TransferOptions,
  ): void {
    const atn = phase === 'messageOut' && (options.atn === true || !last) ? ATN : 0;
    const before = phase === 'messageOut' ? ATN : 0;
    this.wrongParity = wrong;
    this.lines(BSY | lines | before, value);
    this.lines(BSY | lines | before | REQ, value);
    this.lines(BSY | lines | atn | REQ | ACK, value);
    this.lines(BSY | lines | atn | ACK, value);
    this.lines(BSY | lines | atn, value);
  }

  private synchronous(lines: number, units: readonly { value: number; wrong: boolean }[], offset: number): void {
    const inwards = (lines & IO) !== 0;
    let asked = 0;
    let answered = 0;
    this.lines(BSY | lines);
    while (answered < units.length) {
      const ask = asked < units.length && asked - answered < offset;
      const unit = units[inwards && ask ? asked : answered];
      this.wrongParity = unit.wrong;
      const pulse = ask ? REQ : ACK;
      this.lines(BSY | lines, unit.value);
      this.lines(BSY | lines | pulse, unit.value);
      this.lines(BSY | lines, unit.value);
      if (ask) asked++;
      else answered++;
    }
  }

  private emit(): void {
    const odd = (byte: number): number => byte.toString(2).replaceAll('0', '').length & 1;
    const low = odd(this.data & 0xff) ^ 1 ^ (this.wrongParity ? 1 : 0);
    const high = odd(this.data >> 8) ^ 1;
    this.sink.sample(this.time, this.control, this.data, low | (high << 1));
  }
}
