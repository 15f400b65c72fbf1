import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTrace } from '../../hw/traceFile.ts';
import { copyOf } from '../../src/base/bytes.ts';
import type { Change, Piece } from '../../src/base/change.ts';
import { Extents } from '../../src/base/extents.ts';
import type { Burst, BusFacts, SampleSink, SignalNames } from '../../src/base/samples.ts';
import { ParallelSnoop, type PhaseView } from '../../src/snoop/parallel/parallel.ts';

/** One push into a sink, kept. */
export type BusEvent =
  | { kind: 'sample'; time: number; control: number; data: number; parity: number }
  | { kind: 'burst'; time: number; burst: Burst }
  | { kind: 'hole'; time: number; to: number };

export interface BusTrace {
  facts: BusFacts;
  events: BusEvent[];
  lus: readonly string[];
}

interface Sidecar {
  file: string;
  signals?: SignalNames;
  luns: readonly { volume: string }[];
}

/** Reads a trace with its sidecar into memory. */
export async function readTrace(folder: string, name: string): Promise<BusTrace> {
  const side = JSON.parse(readFileSync(join(folder, `${name}.truth.json`), 'utf8')) as Sidecar;
  const source = await openTrace(join(folder, side.file), side.signals === undefined ? {} : { signals: side.signals });
  const events: BusEvent[] = [];
  let facts: BusFacts = { width: 8, parity: false, timed: false };
  const keep = (bytes: Uint8Array | undefined): Uint8Array | undefined =>
    bytes === undefined ? undefined : copyOf(bytes);
  const sink: SampleSink = {
    begin: (told) => {
      facts = told;
    },
    sample: (time, control, data, parity) => void events.push({ kind: 'sample', time, control, data, parity }),
    burst: (burst) =>
      void events.push({
        kind: 'burst',
        time: burst.from,
        burst: { ...burst, units: keep(burst.units), badParity: keep(burst.badParity) },
      }),
    hole: (from, to) => void events.push({ kind: 'hole', time: from, to }),
    notice: () => {},
  };
  while (await source.pump(sink));
  await source.close();
  return { facts, events, lus: side.luns.map(({ volume }) => volume) };
}

/** What was made of a trace: the blocks it proves, and those it leaves in doubt. */
export interface BusImage {
  /** By LU: block to its bytes, as hexadecimal text. */
  blocks: Map<string, Map<number, string>>;
  doubted: Map<string, Extents>;
  /** In order: the changes with the frame of the command they came of. */
  changes: { frame: number; change: Change }[];
}

const BLOCK = 512;

/** Sends events through a snoop of their own and applies what comes out to an empty image. */
export function imageOf(trace: BusTrace, events: Iterable<BusEvent>, phase?: (view: PhaseView) => void): BusImage {
  const image: BusImage = { blocks: new Map(), doubted: new Map(), changes: [] };
  for (const lu of trace.lus) {
    image.blocks.set(lu, new Map());
    image.doubted.set(lu, new Extents());
  }
  const frames = new Map<string, number>();
  const snoop = new ParallelSnoop({
    sink: {
      command: (view) => {
        if (view.nature === 'write') frames.set(`${view.lu} ${view.lbn}`, view.frame);
      },
      change: (change) => {
        const lbn = change.pieces === 'wholeLu' ? -1 : change.pieces[0].offset / BLOCK;
        image.changes.push({ frame: frames.get(`${change.lu} ${lbn}`) ?? 0, change });
        apply(image, change);
      },
    },
    room: { take: (n) => ({ parts: [new Uint8Array(n)], bytes: n }), give: () => {}, full: false },
    volumes: trace.lus.map((lu) => ({ lu, blockSize: BLOCK })),
    ...(phase === undefined ? {} : { phase }),
  });
  snoop.begin(trace.facts);
  for (const event of events) {
    if (event.kind === 'sample') snoop.sample(event.time, event.control, event.data, event.parity);
    else if (event.kind === 'burst') snoop.burst(event.burst);
    else snoop.hole(event.time, event.to, 'test');
  }
  snoop.finish();
  return image;
}

export function apply(image: Pick<BusImage, 'blocks' | 'doubted'>, { lu, pieces }: Change): void {
  const blocks = image.blocks.get(lu);
  const doubted = image.doubted.get(lu);
  if (blocks === undefined || doubted === undefined) return;
  if (pieces === 'wholeLu') {
    doubted.add(0, 1 << 20);
    return;
  }
  for (const { offset, length, payload } of pieces) {
    const first = offset / BLOCK;
    const count = length / BLOCK;
    if (payload === 'lbnOnly') {
      doubted.add(first, first + count);
      continue;
    }
    doubted.remove(first, first + count);
    const bytes = bytesOf(payload, length);
    for (let i = 0; i < count; i++) blocks.set(first + i, bytes.toString('hex', i * BLOCK, (i + 1) * BLOCK));
  }
}

/** Blocks that `image` is sure of and `truth` has otherwise, in words. */
export function wrongBlocks(image: BusImage, truth: Pick<BusImage, 'blocks'>): string[] {
  const wrong: string[] = [];
  for (const [lu, blocks] of image.blocks) {
    const want = truth.blocks.get(lu)!;
    const doubted = image.doubted.get(lu)!;
    for (const lbn of new Set([...blocks.keys(), ...want.keys()])) {
      if (blocks.get(lbn) !== want.get(lbn) && !doubted.intersects(lbn, lbn + 1)) wrong.push(`${lu} LBN ${lbn}`);
    }
  }
  return wrong;
}

function bytesOf(payload: Exclude<Piece['payload'], 'lbnOnly'>, length: number): Buffer {
  if (payload === 'zeros') return Buffer.alloc(length);
  // An array has a method of the name `fill`.
  if (Array.isArray(payload)) return Buffer.concat(payload);
  if ('fill' in payload) return Buffer.alloc(length, payload.fill as Uint8Array);
  throw new Error('ORWRITE is not in these traces');
}
