import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LINK_ETHERNET, LINK_NULL } from '../parsers/net/link.ts';
import { Fault } from '../src/base/fault.ts';

/** The compiled part of the package `pcap`, as far as it is used. Its session keeps to these rules, read in its source: */
export interface PcapSession {
  /**
   * Returns the link type in words. `ready` is called within `dispatch`, for every packet; an exception that leaves it ends
   * the process. When the filter is refused the capture has begun already, and goes on.
   */
  open_live(
    device: string,
    filter: string,
    bufferBytes: number,
    snaplen: number,
    outfile: string,
    ready: () => void,
    monitor: boolean,
    timeoutMs: number,
    warning: (text: string) => void,
    promiscuous: boolean,
  ): string;
  open_offline(...same: Parameters<PcapSession['open_live']>): string;
  /**
   * Hands out packets until none is left: each is copied to the start of `into` (as much as fits) and its header (seconds,
   * microseconds, captured, wire; four 32-bit numbers) to `header`. 0: none left; -1: the interface failed; -2: closed.
   */
  dispatch(into: Uint8Array, header: Uint8Array): number;
  stats(): { ps_recv: number; ps_drop: number; ps_ifdrop: number };
  /** Only marks the session: it is closed by the next `dispatch` that finds a packet, and must not be used after its -2. */
  close(): void;
}

export interface PcapBinding {
  PcapSession: new () => PcapSession;
}

/** Milliseconds after which the kernel hands on a part of its buffer that is not full. */
export const KERNEL_TIMEOUT_MS = 10;

/** Loads the binding. Once in a process: it keeps its constructor in a static. */
export function loadBinding(path: string): PcapBinding {
  try {
    return createRequire(import.meta.url)(path) as PcapBinding;
  } catch (cause) {
    const why = String((cause as Error).message).split('\n')[0];
    const mend = 'install libpcap (libpcap0.8 on Debian), or run `npm rebuild pcap` for this version of Node';
    throw new Fault('local', `the optional package \`pcap\` cannot be loaded: ${why}`, mend, { cause });
  }
}

export interface LiveSession {
  session: PcapSession;
  /** LINKTYPE_ value. */
  link: number;
}

/** Starts a capture. Throws a `Fault`. */
export function openLive(
  binding: PcapBinding,
  name: string,
  options: { filter: string; bufferBytes: number; snaplen: number; promiscuous: boolean },
  ready: () => void,
): LiveSession {
  const { filter, bufferBytes, snaplen, promiscuous } = options;
  const session = new binding.PcapSession();
  // An interface without an IPv4 address draws a warning about its netmask, which no filter here asks for.
  const warning = () => {};
  try {
    const words = session.open_live(
      name,
      filter,
      bufferBytes,
      snaplen,
      '',
      ready,
      false,
      KERNEL_TIMEOUT_MS,
      warning,
      promiscuous,
    );
    return { session, link: linkOf(words) };
  } catch (cause) {
    throw openFault(name, String((cause as Error).message), cause);
  }
}

function openFault(name: string, why: string, cause: unknown): Fault {
  if (/permi|CAP_NET_RAW/i.test(why)) {
    const mend =
      'run it as root, or give it the right: `setcap cap_net_raw,cap_net_admin+ep $(readlink -f $(which node))`';
    return new Fault('local', `capturing on ${name} is not allowed (${why})`, mend, { cause });
  }
  if (/memory/i.test(why)) {
    return new Fault('local', `${name}: no memory for the capture (${why})`, 'make bufferBytes smaller', { cause });
  }
  return new Fault('local', `${name} cannot be captured on: ${why}`, 'check the interface: `ip link`', { cause });
}

/** The binding names some link types, and gives others by their number. */
function linkOf(words: string): number {
  switch (words) {
    case 'LINKTYPE_NULL':
      return LINK_NULL;
    case 'LINKTYPE_ETHERNET':
      return LINK_ETHERNET;
    case 'LINKTYPE_IEEE802_11_RADIO':
      return 127;
    case 'LINKTYPE_RAW':
      return 101;
    case 'LINKTYPE_LINUX_SLL':
      return 113;
    default:
      return Number(/(\d+)$/.exec(words)?.[1] ?? 0xffff);
  }
}

/** Compiles a filter against an empty capture file: a live session could not be closed again. Throws a `Fault`. */
export function checkFilter(binding: PcapBinding, filter: string, link: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'tapmirror-filter-'));
  try {
    const path = join(folder, 'empty.pcap');
    writeFileSync(path, Uint8Array.from(emptyCapture(link)));
    const session = new binding.PcapSession();
    const nothing = () => {};
    session.open_offline(path, filter, 0, 65535, '', nothing, false, 1, nothing, false);
    session.close();
    session.dispatch(Buffer.alloc(64), Buffer.alloc(16));
  } catch (cause) {
    const why = String((cause as Error).message);
    throw new Fault('local', `the tap's filter cannot be used: ${why}`, 'see pcap-filter(7)', { cause });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A pcap file's header in this machine's byte order. */
function emptyCapture(link: number): Uint8Array {
  const words = Uint32Array.of(0xa1b2c3d4, 0, 0, 0, 65535, link);
  new Uint16Array(words.buffer, 4, 2).set([2, 4]);
  return new Uint8Array(words.buffer);
}
