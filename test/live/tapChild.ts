import { createInterface } from 'node:readline';
import { openTap, type TapInterface, type TapLevel, type TapLoss } from '../../hw/tap.ts';
import { FrameDecoder } from '../../parsers/net/decoder.ts';
import { Fault } from '../../src/base/fault.ts';
import { portalFilter } from '../../src/unit/bus/tapFilter.ts';

/**
 * A tap in a process of its own, within the network namespace it was started in. Told what to open by its argument, and what
 * to do by lines on standard input (stall, go, status, report, stop); says what happens in lines of JSON.
 */
export interface TapOrder {
  interfaces: string[];
  filter?: string;
  portals?: string[];
  tunnels?: boolean;
  bufferBytes?: number;
  snaplen?: number;
  ringBytes?: number;
  /** Where a 32-bit number lies in every frame of interest, with at least 48 bytes more behind it: frames are reported by it. */
  numberAt?: number;
}

export interface Said {
  kind: 'opened' | 'refused' | 'notice' | 'loss' | 'status' | 'report' | 'stopped' | 'exit';
  text?: string;
  mend?: string | undefined;
  loss?: TapLoss;
  level?: TapLevel;
  levels?: TapLevel[];
  interfaces?: readonly TapInterface[];
  drops?: { kernel: number; interface: number; own: number };
  /** Sum of all losses told. */
  told?: TapLoss;
  frames?: number;
  /** Frames shorter than on the wire. */
  cut?: number;
  /** Frames whose time stamp is earlier than that of the frame before. */
  backwards?: number;
  /** TCP segments that the decoder found, and those that came through a tunnel; payload bytes by port of the lower number. */
  segments?: number;
  tunnelled?: number;
  payload?: Record<string, number>;
  /** The numbers found at `numberAt`, in order; not in a status. */
  numbers?: number[];
  /** Every frame's length on the wire, in order; not in a status. */
  lengths?: number[];
  /** Buffers asked back, and how often one came that was never announced. */
  reused?: number;
  unannounced?: number;
  /** Milliseconds that `quietUntil` is behind the clock. */
  quietBehindMs?: number;
}

const say = (said: Said): void => {
  process.stdout.write(`${JSON.stringify(said)}\n`);
};

const order = JSON.parse(process.argv[2]) as TapOrder;
const { portals = [], tunnels = false, numberAt } = order;
const filter = order.filter ?? portalFilter({ portals, tunnels });
const notice = (text: string): void => say({ kind: 'notice', text });

const tap = await openTap({ ...order, filter, notice }).catch((error: unknown) => {
  const { message, mend } = error as Fault;
  say({ kind: 'refused', text: message, mend: error instanceof Fault ? mend : 'no Fault' });
  return process.exit(0);
});

const told: TapLoss = { kernel: 0, interface: 0, own: 0, blind: 0 };
const levels: TapLevel[] = [];
const decoder = new FrameDecoder();
const numbers: number[] = [];
const lengths: number[] = [];
const payload: Record<string, number> = {};
let frames = 0;
let cut = 0;
let backwards = 0;
let segments = 0;
let reused = 0;
let unannounced = 0;
let last = 0;
let stalled = false;
let resume: () => void = () => {};
/** Buffers in use, by their memory: one must be announced before it comes again. */
const known = new Set<ArrayBufferLike>();

tap.beforeReuse = (bytes) => {
  reused++;
  if (bytes.length === 0 || !known.delete(bytes.buffer)) unannounced++;
};
tap.onLoss((loss) => {
  told.kernel += loss.kernel;
  told.interface += loss.interface;
  told.own += loss.own;
  told.blind += loss.blind;
  say({ kind: 'loss', loss });
});

function status(kind: 'status' | 'report' | 'stopped'): void {
  const { level, interfaces } = tap;
  const quietBehindMs = Date.now() - Number(tap.quietUntil / 1_000_000n);
  const { tunnelled } = decoder;
  const counts = { frames, cut, backwards, segments, tunnelled, payload, reused, unannounced };
  const lists = kind === 'status' ? {} : { numbers, lengths };
  say({ kind, level, levels, interfaces, drops: tap.drops(), told, quietBehindMs, ...counts, ...lists });
}

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'stall') stalled = true;
  else if (line === 'status' || line === 'report') status(line);
  else {
    stalled = false;
    resume();
    if (line === 'stop') void tap.stop();
  }
});

say({ kind: 'opened' });
for (;;) {
  while (stalled) {
    await new Promise<void>((resolve) => {
      resume = resolve;
    });
  }
  const run = await tap.next();
  if (run === undefined) break;
  const { batch, from, to } = run;
  known.add(batch.bytes.buffer);
  if (levels.at(-1) !== tap.level) levels.push(tap.level);
  for (let i = from; i < to; i++) {
    frames++;
    const { bytes, offset, captured, wire, link } = batch;
    if (captured[i] < wire[i]) cut++;
    lengths.push(wire[i]);
    const stamp = batch.seconds[i] * 1e6 + batch.nanos[i] / 1000;
    if (stamp < last) backwards++;
    last = stamp;
    if (numberAt !== undefined && captured[i] >= numberAt + 52) {
      const at = offset[i] + numberAt;
      numbers.push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(at));
    }
    if (!decoder.decode(bytes, offset[i], captured[i], wire[i], link[i])) continue;
    segments++;
    const port = Math.min(decoder.srcPort, decoder.dstPort);
    payload[port] = (payload[port] ?? 0) + decoder.payloadLength;
  }
}
status('stopped');
await tap.close();
// What is left must not keep the process alive.
process.stdin.destroy();
