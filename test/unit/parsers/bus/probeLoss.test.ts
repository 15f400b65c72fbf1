import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ProbeReader } from '../../../../parsers/bus/probe.ts';
import { BSY } from '../../../../src/base/samples.ts';
import { ProbeWriter, varint } from '../../../kit/probe.ts';
import { readAll } from './record.ts';

/** A stream of packets, each with samples and a burst of its own, and heartbeats between. */
function frames(count: number): Uint8Array[] {
  const writer = new ProbeWriter({ seq: 65520 });
  writer.hello();
  writer.state(1, 10);
  for (let n = 1; n <= count; n++) {
    const unit = n & 0xff;
    writer.samples(
      n * 1000,
      [BSY, unit, 0],
      [0x1a, unit ^ 1, 0x80, 3, ...varint(200), 3, 3, unit, 0, 255, 0x7c, ...varint(100)],
    );
    if (n % 5 === 0) writer.heartbeat(n * 1000 + 500);
    if (n % 7 === 0) writer.packet(0x6f, [n]);
  }
  return writer.frames;
}

/** One thing that goes wrong on the way. */
type Harm =
  | { kind: 'drop' | 'repeat' | 'noise'; at: number }
  | { kind: 'flip' | 'cut' | 'insert'; at: number; byte: number; value: number };

const harms = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom('drop' as const, 'repeat' as const, 'noise' as const), at: fc.nat(70) }),
    fc.record({
      kind: fc.constantFrom('flip' as const, 'cut' as const, 'insert' as const),
      at: fc.nat(70),
      byte: fc.nat(60),
      value: fc.integer({ min: 1, max: 255 }),
    }),
  ),
  { maxLength: 6 },
);

function harmed(whole: readonly Uint8Array[], list: readonly Harm[]): Uint8Array {
  const out = whole.map((frame) => [frame]);
  for (const harm of list) {
    const at = 2 + (harm.at % (whole.length - 2));
    const frame = out[at][0];
    if (frame === undefined) continue;
    if (harm.kind === 'drop') out[at] = [];
    else if (harm.kind === 'repeat') out[at].push(frame);
    else if (harm.kind === 'noise') out[at].unshift(Uint8Array.of(0, 7, 7, 7));
    else if ('byte' in harm) {
      const byte = harm.byte % frame.length;
      const rest = frame.subarray(byte + (harm.kind === 'insert' ? 0 : 1));
      const middle = harm.kind === 'cut' ? [] : [harm.kind === 'flip' ? frame[byte] ^ harm.value : harm.value];
      out[at][0] = Buffer.concat([frame.subarray(0, byte), Uint8Array.from(middle), rest]);
    }
  }
  return Buffer.concat(out.flat());
}

const span = (event: string): [number, number] => {
  const [from, to] = (/^(?:burst |hole )?(\d+)(?:-(\d+))?/.exec(event) ?? []).slice(1).map(Number);
  return [from, Number.isNaN(to) ? from : to];
};

describe('A4 probe protocol section 5: loss and damage on the line', () => {
  it('brings nothing that was not sent, and what is missing lies in a hole', () => {
    const whole = frames(50);
    const sent = readAll(new ProbeReader(), Buffer.concat(whole)).events;
    const known = new Set(sent);
    fc.assert(
      fc.property(harms, (list) => {
        const { events } = readAll(new ProbeReader(), harmed(whole, list));
        const holes = events.filter((event) => event.startsWith('hole')).map(span);
        const came = new Set(events);
        for (const event of events) {
          if (event.startsWith('hole')) continue;
          assert.ok(known.has(event), `${event} was never sent`);
        }
        const end = Math.max(0, ...events.map((event) => span(event)[1]));
        for (const event of sent) {
          const [from, to] = span(event);
          const lost = !came.has(event) && from <= end;
          const covered = holes.some(([start, stop]) => start <= from && to <= stop);
          assert.ok(
            !lost || covered,
            `${event} is missing: ${events.filter((one) => one.startsWith('hole')).join('; ')}`,
          );
        }
      }),
      { numRuns: 400 },
    );
  });
});
