import { addressBytes, normalPortal, portalText } from '../../base/address.ts';
import { copyOf } from '../../base/bytes.ts';
import type { TeeEnds, TeeOutlets, TeeTap } from '../../base/tee.ts';
import { Redirect, type RunSink } from '../../gate/redirect.ts';
import type { StatusGate } from '../../gate/statusGate.ts';
import type { StatusLane } from '../../gate/statusLane.ts';
import type { WriteGate, WriteLane } from '../../gate/writeGate.ts';
import type { InlineStream } from '../../snoop/inline.ts';

/** RFC 7143 section 4.2.7.2: where an address without a port is meant. */
const PORT = 3260;

export interface StreamTapOptions {
  stream: InlineStream;
  ends: TeeEnds;
  outlets: TeeOutlets;
  /** Nanoseconds since the snoop's origin. */
  now: () => number;
  /** Where statuses of writes may wait, and where commands that write may. */
  gate?: StatusGate;
  writes?: WriteGate;
  /** Set where the target's portal in its answers is replaced by the tee's: the configured target as `host:port`. */
  rewrite?: { target: string; notice: (text: string) => void };
  /** Called with the LUs that the connection can change from now on without being watched, and at its end. */
  unwatched: (lus: readonly string[]) => void;
}

/** One connection through the tee: its bytes go to the snoop first; then statuses may wait, and addresses are replaced. */
export class StreamTap implements TeeTap {
  readonly stream: InlineStream;
  readonly #now: () => number;
  readonly #unwatched: (lus: readonly string[]) => void;
  readonly #lane: StatusLane | undefined;
  readonly #writes: WriteLane | undefined;
  /** The host's bytes at hand have been handed on. */
  #gone = false;
  /** Nothing is looked at any more. */
  #blind = false;
  #redirect: Redirect | undefined;
  /** Bytes of the target's direction before those at hand. */
  #position = 0;
  /** Bytes at hand are being handed on: what of them has gone is not known if that fails. */
  #handing = false;
  readonly #run: RunSink;

  constructor({ stream, ends, outlets, now, gate, writes, rewrite, unwatched }: StreamTapOptions) {
    this.stream = stream;
    this.#now = now;
    this.#unwatched = unwatched;
    const outlet = outlets.toHost;
    this.#lane = gate?.lane(outlet);
    this.#writes = writes?.lane(outlets.toTarget, () => stream.announcedAt);
    const writesLane = this.#writes;
    if (writesLane !== undefined) stream.heldBack = () => !writesLane.clear;
    const lane = this.#lane;
    if (lane !== undefined)
      stream.onStatus = (lu, status, ordinal, at) => lane.status(lu, status, ordinal, this.#position + at);
    this.#run =
      lane === undefined
        ? (bytes, offset, length) => outlet.write(copyOf(bytes, offset, offset + length))
        : (bytes, offset, length, came) => lane.pass(bytes, offset, length, came);
    if (rewrite !== undefined) this.#redirect = redirectOf(stream, ends, rewrite);
  }

  hostGoesFirst(length: number): boolean {
    if (this.#blind) return false;
    this.#gone = this.#writes?.clear !== false && this.stream.announcesNothing(length);
    return this.#gone;
  }

  /** Nothing of the target's is held back or changed: the host works on its answer while we look at it. */
  get targetGoesFirst(): boolean {
    return this.#lane === undefined && this.#redirect === undefined;
  }

  fromHost(bytes: Uint8Array, length: number): boolean {
    const writes = this.#writes;
    if (writes === undefined) {
      if (!this.#blind) this.stream.fromHost(bytes, 0, length, this.#now());
      return true;
    }
    if (!this.#blind) this.#announce(writes, bytes, length);
    if (this.#gone || writes.clear) {
      writes.skip(length);
      return true;
    }
    writes.pass(bytes, 0, length);
    return false;
  }

  fromTarget(bytes: Uint8Array, length: number): boolean {
    this.stream.fromTarget(bytes, 0, length, this.#now());
    this.#position += length;
    if (this.#redirect === undefined) {
      if (this.#lane === undefined) return true;
      if (this.#lane.clear) {
        this.#lane.skip(length);
        return true;
      }
    }
    this.#hand(bytes, length);
    return false;
  }

  finHost(): boolean {
    if (!this.#blind) this.stream.finHost(this.#now());
    return this.#writes?.end() ?? true;
  }

  finTarget(): boolean {
    this.stream.finTarget(this.#now());
    this.#redirect?.giveUp(this.#run);
    this.#redirect = undefined;
    return this.#lane?.end() ?? true;
  }

  reset(from: 'host' | 'target'): void {
    this.#drop();
    this.stream.reset(from, this.#now());
  }

  giveUp(): void {
    this.#blind = true;
    this.#gone = false;
    // What nobody looks at may write anywhere: what comes next waits until everything that it can reach is marked.
    this.#writes?.decoding();
    const lus = this.stream.abandon();
    this.#writes?.decoded();
    this.#unwatched(lus);
    if (this.#handing) throw new Error('bytes were being handed on');
    this.#redirect?.giveUp(this.#run);
    this.#redirect = undefined;
    this.#lane?.giveUp();
  }

  close(): void {
    this.#drop();
    this.stream.close(this.#now());
  }

  get idle(): boolean {
    return this.stream.openTasks === 0 && this.#lane?.clear !== false && this.#writes?.clear !== false;
  }

  #announce(writes: WriteLane, bytes: Uint8Array, length: number): void {
    writes.decoding();
    try {
      this.stream.fromHost(bytes, 0, length, this.#now());
    } finally {
      writes.decoded();
    }
  }

  #drop(): void {
    this.#lane?.drop();
    this.#writes?.drop();
  }

  #hand(bytes: Uint8Array, length: number): void {
    this.#handing = true;
    const redirect = this.#redirect;
    if (redirect === undefined) this.#run(bytes, 0, length, length);
    else {
      redirect.feed(bytes, length, this.#run);
      if (this.stream.foreign) redirect.giveUp(this.#run);
      if (redirect.off) this.#redirect = undefined;
    }
    this.#handing = false;
  }
}

function redirectOf(
  stream: InlineStream,
  ends: TeeEnds,
  { target, notice }: NonNullable<StreamTapOptions['rewrite']>,
): Redirect {
  const own = portalOf(ends.targetAddress, ends.targetPort);
  const named = target.toLowerCase();
  return new Redirect({
    isTarget: (address) => {
      const whole = /:\d+$/.test(address.replace(/^\[.*\]/, '')) ? address : `${address}:${PORT}`;
      return normalPortal(whole) === own || whole.toLowerCase() === named;
    },
    portal: portalOf(ends.localAddress, ends.localPort),
    digests: () => stream.digests,
    segmentMax: () => stream.hostSegment,
    notice,
  });
}

function portalOf(address: string, port: number): string {
  return portalText(addressBytes(address) ?? new Uint8Array(4), port);
}
