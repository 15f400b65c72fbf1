import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { JsonReader } from '../../parsers/bus/json.ts';
import { ProbeReader } from '../../parsers/bus/probe.ts';
import { VcdReader } from '../../parsers/bus/vcd.ts';
import { Extents } from '../../src/base/extents.ts';
import type { SampleSink, SignalNames } from '../../src/base/samples.ts';
import { ParallelSnoop } from '../../src/snoop/parallel/parallel.ts';
import { apply, type BusImage } from '../kit/busTrace.ts';
import { recorded } from '../kit/scriptedProbe.ts';
import { sharedFolder } from '../shared.ts';

/** Cases of each kind; TAPMIRROR_BUS_FUZZ for more, from seed TAPMIRROR_BUS_SEED. */
const ROUNDS = Number(process.env.TAPMIRROR_BUS_FUZZ ?? 250);
const SEED = Number(process.env.TAPMIRROR_BUS_SEED ?? 1);
/** Packets of a stream that is mutated; bytes of a trace. */
const PACKETS = 36;
const BYTES = 60_000;
const ENDS = 3;
const ZERO = Buffer.from([0]);

interface Trace {
  bytes: Buffer;
  signals: SignalNames | undefined;
  lus: string[];
}

/** The same numbers in every run. */
function dice(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Counts what is pushed, and that time never runs back. */
class Counted implements SampleSink {
  pushes = 0;
  private readonly to: SampleSink;
  private last = 0;

  constructor(to: SampleSink) {
    this.to = to;
  }

  begin: SampleSink['begin'] = (facts) => this.to.begin(facts);
  sample: SampleSink['sample'] = (time, control, data, parity) => {
    this.at(time);
    this.to.sample(time, control, data, parity);
  };
  burst: SampleSink['burst'] = (burst) => {
    this.at(burst.from);
    this.at(burst.to);
    this.to.burst(burst);
  };
  hole: SampleSink['hole'] = (from, to, why) => {
    this.at(from);
    this.at(to);
    this.to.hole(from, to, why);
  };
  notice: SampleSink['notice'] = (text) => this.to.notice(text);

  private at(time: number): void {
    this.pushes++;
    assert.ok(time >= this.last, `time ran back from ${this.last} to ${time}`);
    this.last = time;
  }
}

/** Reads a trace in pieces of odd lengths, and what it comes to. */
function imageOf(
  lus: readonly string[],
  make: () => ProbeReader | VcdReader | JsonReader,
  bytes: Uint8Array,
): BusImage {
  const image: BusImage = { blocks: new Map(), doubted: new Map(), changes: [] };
  for (const lu of lus) {
    image.blocks.set(lu, new Map());
    image.doubted.set(lu, new Extents());
  }
  let lent = 0;
  const snoop = new ParallelSnoop({
    sink: {
      change: (change) => {
        image.changes.push({ frame: 0, change });
        apply(image, change);
        lent -= change.lease?.bytes ?? 0;
      },
    },
    room: {
      take: (length) => {
        assert.ok(length >= 0 && length < 1 << 26, `room for ${length} bytes was asked for`);
        lent += length;
        return lent > 1 << 27 ? undefined : { parts: [new Uint8Array(length)], bytes: length };
      },
      give: (lease) => {
        lent -= lease.bytes;
      },
      full: false,
    },
    volumes: lus.map((lu) => ({ lu, blockSize: 512 })),
  });
  const sink = new Counted(snoop);
  const reader = make();
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const to = Math.min(bytes.length, at + 1 + ((turn * 7919) % 20_011));
    reader.push(bytes, at, to, sink);
    at = to;
  }
  reader.finish(sink);
  snoop.finish();
  assert.ok(sink.pushes <= bytes.length * 2 + 100, `${sink.pushes} pushes of ${bytes.length} bytes`);
  assert.ok(image.changes.length <= bytes.length, `${image.changes.length} changes of ${bytes.length} bytes`);
  return image;
}

function damage(bytes: Buffer, roll: (below: number) => number): Buffer {
  let out = bytes;
  for (let n = 1 + roll(4); n > 0; n--) {
    const at = roll(out.length);
    const length = 1 + roll(2) * roll(400);
    switch (roll(6)) {
      case 0:
        out = Buffer.from(out);
        out[at] ^= 1 << roll(8);
        break;
      case 1:
        out = Buffer.from(out);
        out[at] = roll(256);
        break;
      case 2:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at, at + length), out.subarray(at)]);
        break;
      case 4: {
        const noise = Buffer.from(Array.from({ length }, () => roll(256)));
        out = Buffer.concat([out.subarray(0, at), noise, out.subarray(at)]);
        break;
      }
      default:
        out = n === 1 ? out.subarray(0, Math.max(1, at)) : Buffer.concat([out, out.subarray(at, at + length)]);
    }
  }
  return out;
}

/** Packets of a stream lost, repeated, exchanged, cut: what a line does. */
function shuffle(frames: readonly Uint8Array[], roll: (below: number) => number): Buffer {
  const out = [...frames];
  for (let n = 1 + roll(4); n > 0; n--) {
    const at = 1 + roll(out.length - 2);
    const kind = roll(5);
    if (kind === 0) out.splice(at, 1 + roll(3));
    else if (kind === 1) out.splice(at, 0, out[at]);
    else if (kind === 2) [out[at], out[at + 1]] = [out[at + 1], out[at]];
    else if (kind === 3) out[at] = out[at].subarray(0, roll(out[at].length));
    else
      out.splice(
        at,
        0,
        Uint8Array.from({ length: 1 + roll(60) }, () => roll(256)),
      );
    if (out.length < 4) break;
  }
  return Buffer.concat(out);
}

/** Blocks that the damaged one is sure of and the whole one has otherwise, or is not sure of. */
function wrong(image: BusImage, whole: BusImage): string[] {
  const found: string[] = [];
  for (const [lu, blocks] of image.blocks) {
    const [want, doubted, doubts] = [whole.blocks.get(lu), image.doubted.get(lu), whole.doubted.get(lu)];
    for (const lbn of new Set([...blocks.keys(), ...(want?.keys() ?? [])])) {
      if (doubted?.intersects(lbn, lbn + 1) || doubts?.intersects(lbn, lbn + 1)) continue;
      if (blocks.get(lbn) !== want?.get(lbn)) found.push(`${lu} LBN ${lbn}`);
    }
  }
  return found;
}

describe('A4 fuzz: traces and probe streams', function () {
  this.timeout(60_000 + ROUNDS * 200);
  const folder = join(sharedFolder() ?? '', 'bus');

  before(function () {
    if (!existsSync(folder)) this.skip();
  });

  function read(name: string): Trace {
    const side = JSON.parse(readFileSync(join(folder, `${name}.truth.json`), 'utf8')) as {
      file: string;
      signals?: SignalNames;
      luns: { volume: string }[];
    };
    const bytes = gunzipSync(readFileSync(join(folder, side.file)));
    return { bytes, signals: side.signals, lus: side.luns.map(({ volume }) => volume) };
  }

  for (const name of ['p01-probe-full', 'p04-probe-wide']) {
    for (const share of [0, 0.3, 0.6]) {
      it(`${name} from ${share * 100}%: a damaged stream makes no block wrong that is not in doubt`, () => {
        const { bytes, lus } = read(name);
        const all = recorded(bytes).filter(({ type }) => type >= 0);
        const from = 1 + Math.floor((all.length - PACKETS - 1) * share);
        const frames = [all[0], ...all.slice(from, from + PACKETS)].map(({ raw }) => raw);
        const make = (): ProbeReader => new ProbeReader();
        const whole = imageOf(lus, make, Buffer.concat(frames));
        for (let round = 0; round < ROUNDS; round++) {
          const roll = dice(SEED * 1e6 + round);
          // What came before a stream or comes after it nothing in it can tell: its ends stay.
          const middle = frames.slice(ENDS, -ENDS);
          const damaged = round % 2 === 0 ? damage(Buffer.concat(middle), roll) : shuffle(middle, roll);
          const stream = Buffer.concat([...frames.slice(0, ENDS), damaged, ZERO, ...frames.slice(-ENDS)]);
          assert.deepEqual(wrong(imageOf(lus, make, stream), whole), [], `seed ${SEED}, round ${round}`);
        }
      });
    }
  }

  for (const [name, make] of [
    ['d03-scsimon-tagged', () => new VcdReader()],
    ['d04-json-parity', () => new JsonReader()],
    ['d07-analyzer-wide', (signals) => new VcdReader(signals)],
    ['d08-analyzer-glitches', (signals) => new VcdReader(signals)],
    ['p03-probe-modes', () => new ProbeReader()],
  ] as [string, (signals: SignalNames | undefined) => VcdReader | JsonReader | ProbeReader][]) {
    it(`${name}: whatever is done to its bytes, they are read to their end or to a fault`, () => {
      const { bytes, lus, signals } = read(name);
      // No checksum covers a trace's text: damage may read as other data, and nothing more can be asked.
      const part = bytes.subarray(0, BYTES);
      for (let round = 0; round < ROUNDS / 2; round++) {
        const roll = dice(SEED * 1e6 + round);
        imageOf(lus, () => make(signals), damage(part, roll));
      }
    });
  }
});
