import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import type { FrameSource } from '../src/base/frames.ts';
import { LiveTap } from './tapSource.ts';

/** A pcap filter (pcap-filter(7)) in two forms: not every kind of link knows the word `vlan`. */
export interface TapFilter {
  /** For Ethernet and loopback. */
  ethernet: string;
  /** For `any`, tunnel devices and the like. */
  other: string;
}

export interface TapOptions {
  /** Names of this machine, or `any`. */
  interfaces: readonly string[];
  /** A text stands for both forms. */
  filter: string | TapFilter;
  /** The kernel's buffer for each interface. Default 256 MiB; what the kernel cannot give it takes less of. */
  bufferBytes?: number;
  /** Bytes kept of a frame. Default 262144: a loopback frame can exceed 65535. */
  snaplen?: number;
  /** Default true. */
  promiscuous?: boolean;
  /** Memory for frames between the capturing thread and the consumer. Default 64 MiB. */
  ringBytes?: number;
  /** One line for an operator: every change of a level or of an interface, once. */
  notice?(text: string): void;
}

/** Frames that were on the bus and that the consumer will not get. Counts since the last call. */
export interface TapLoss {
  /** Frames the kernel had no room for. */
  kernel: number;
  /** Frames the interface lost before the kernel saw them. */
  interface: number;
  /** Frames dropped here, as the consumer had not given back enough memory. */
  own: number;
  /** Times that an interface stopped or began to be heard (down, vanished, no carrier): what passed meanwhile nobody counts. */
  blind: number;
}

/** `headers`: long frames are cut to their first bytes. `dropping`: frames are lost for want of memory as well. */
export type TapLevel = 'full' | 'headers' | 'dropping';

/** One interface, for status. Counts since the tap was opened. */
export interface TapInterface {
  name: string;
  state: 'up' | 'down' | 'gone';
  /** Frames and bytes captured, of which `cut` frames were shortened by the level `headers`. */
  frames: number;
  bytes: number;
  cut: number;
  kernelDrops: number;
  interfaceDrops: number;
  ownDrops: number;
}

/**
 * Frames of one or more interfaces as one stream of time.
 *
 * Order: frames of one interface come as the kernel queued them. Between interfaces the kernel's time stamps decide, and
 * a frame waits until every other interface has shown a later one or has been found empty for long enough (about 30 ms).
 * So frames of two interfaces are in the order of their stamps, which follows the order on the wire as far as the network
 * cards' interrupt coalescing and several processors allow (tens of microseconds); a step of the wall clock can disorder
 * what was captured around it.
 *
 * Loss: what is not handed out is counted, and every increase of a count reaches `onLoss`, at the latest a second after
 * it happened. What passed while an interface was down, gone or without carrier cannot be counted: it is told as `blind`.
 */
export interface TapSource extends FrameSource {
  drops(): { kernel: number; interface: number; own: number };
  readonly level: TapLevel;
  /** The listener is called with what was lost since its last call, never within `next`. */
  onLoss(listener: (loss: TapLoss) => void): void;
  /** Nanoseconds since 1970: everything captured before this moment has been handed out. It moves on while the bus is silent. */
  readonly quietUntil: bigint;
  readonly interfaces: readonly TapInterface[];
  /**
   * Ends the capture. `next` still hands out what was captured, then `undefined`. Of frames that wait in the kernel's buffers
   * those count as captured that are taken from there within 30 ms; the others are not counted as lost either.
   */
  stop(): Promise<void>;
}

const SNAPLEN = 262144;
const BUFFER_BYTES = 256 * 2 ** 20;
const RING_BYTES = 64 * 2 ** 20;

/**
 * Listens to interfaces. Rejects with a `Fault` when the package is not there, an interface does not exist, the user may
 * not capture, or the filter is wrong. An interface that is down is waited for.
 */
export async function openTap(options: TapOptions): Promise<TapSource> {
  const { interfaces, filter, bufferBytes = BUFFER_BYTES, snaplen = SNAPLEN, ringBytes = RING_BYTES } = options;
  if (interfaces.length === 0) throw new Fault('local', 'the tap has no interface', 'name one or more');
  const twice = interfaces.find((name, i) => interfaces.indexOf(name) < i);
  if (twice !== undefined) throw new Fault('local', `the tap names interface ${twice} twice`, 'name it once');
  between('bufferBytes', bufferBytes, 2 ** 20, 2 ** 31 - 1);
  between('snaplen', snaplen, 256, SNAPLEN);
  between('ringBytes', ringBytes, 2 ** 20, 2 ** 33);
  return LiveTap.open(
    {
      binding: await loadPcap(),
      interfaces,
      filter: typeof filter === 'string' ? { ethernet: filter, other: filter } : filter,
      bufferBytes,
      snaplen,
      promiscuous: options.promiscuous ?? true,
      ringBytes,
    },
    options.notice ?? (() => {}),
  );
}

function between(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new Fault('local', `the tap's ${name} is ${value}`, `give it a whole number of bytes from ${low} to ${high}`);
}

/**
 * Where the optional package `pcap`, libpcap's binding, keeps its compiled part. It is found and not loaded: one thread per
 * process may load it, and that is the capturing one. Rejects with a `Fault` that says what to install when it is not
 * there: `npm ci` leaves it out on a machine without libpcap's headers or without a compiler.
 */
export async function loadPcap(): Promise<string> {
  const mend = 'install libpcap-dev and build-essential (Debian), or the like, and then run `npm ci` again';
  let folder: string;
  try {
    folder = dirname(createRequire(import.meta.url).resolve('pcap/package.json'));
  } catch (cause) {
    throw new Fault('local', 'the optional package `pcap` is not installed', mend, { cause });
  }
  const binding = join(folder, 'build', 'Release', 'pcap_binding.node');
  if (!existsSync(binding)) throw new Fault('local', 'the optional package `pcap` was not built', mend);
  return binding;
}
