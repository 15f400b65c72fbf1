import type { Burst, BusFacts, SampleSink } from '../../../../src/base/samples.ts';

/** What a reader pushed, in words that compare: one text for each call. */
export class Record implements SampleSink {
  readonly facts: BusFacts[] = [];
  readonly events: string[] = [];
  readonly notices: string[] = [];

  begin(facts: BusFacts): void {
    this.facts.push(facts);
  }

  sample(time: number, control: number, data: number, parity: number): void {
    this.events.push(`${time} ${control.toString(2)} ${data.toString(16)} ${parity}`);
  }

  burst({ from, to, reqs, acks, units, unitBytes, badParity, badBytes }: Burst): void {
    const hex = (bytes: Uint8Array | undefined) => (bytes === undefined ? '-' : Buffer.from(bytes).toString('hex'));
    this.events.push(`burst ${from}-${to} ${reqs}/${acks} ${unitBytes} ${hex(units)} ${hex(badParity)} ${badBytes}`);
  }

  hole(from: number, to: number, why: string): void {
    this.events.push(`hole ${from}-${to} ${why}`);
  }

  notice(text: string): void {
    this.notices.push(text);
  }
}

interface Reader {
  push(bytes: Uint8Array, from: number, to: number, sink: SampleSink): void;
  finish(sink: SampleSink): void;
}

/** Reads `bytes` cut at the given places. */
export function readAll<T extends Reader>(reader: T, bytes: Uint8Array, cuts: readonly number[] = []): Record {
  const record = new Record();
  let from = 0;
  for (const cut of [...cuts.filter((at) => at <= bytes.length).sort((a, b) => a - b), bytes.length]) {
    // As from a file: the piece lies in a buffer that is used again.
    const chunk = new Uint8Array(cut - from + 2).fill(0x31);
    chunk.set(bytes.subarray(from, cut), 1);
    reader.push(chunk, 1, 1 + cut - from, record);
    chunk.fill(0x30);
    from = cut;
  }
  reader.finish(record);
  return record;
}
