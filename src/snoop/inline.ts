import type { LuId } from '../base/change.ts';
import type { Carrier, Side, StreamEnds } from './flow/stream.ts';
import type { Nexus } from './iscsi/nexus.ts';
import type { Lu } from './lu/lu.ts';

/** The host's side and the target's of an inline stream: the host opened it. */
const HOST = 0;
const TARGET = 1;
/** Calls after another session took this one's place that show that it goes on all the same. */
const REVIVED = 16;
/** RFC 7143 section 13.12: what a side that declares nothing takes in one data segment. */
const SEGMENT_DEFAULT = 8192;

/**
 * Told, while bytes of the target are decoded, of each status of a task that may change the medium. `at` is the offset of
 * the first byte of its PDU within the bytes at hand, 0 where it began before them. What the status means has been pushed
 * to the sink by then. `ordinal` is the task's number.
 */
export type StatusListener = (lu: LuId, status: number, ordinal: number, at: number) => void;

/** What an inline stream needs of its snoop (see `Inlines`). */
export interface InlineParts {
  /** A frame number of its own for every call: later calls are later frames. */
  nextFrame(time: number): void;
  makeNexus(carrier: () => Carrier): Nexus;
  /** The clock has reached this moment. */
  passed(time: number): void;
  ended(stream: InlineStream): void;
  /** The configured LUs. */
  readonly claimed: readonly Lu[];
  /** These LUs are written without being watched, until `seen` is called with the same list. */
  unseen(lus: readonly Lu[]): void;
  seen(lus: readonly Lu[]): void;
}

/**
 * One connection that passes through the unit itself (requirement A3): its bytes come in order and whole, so nothing is
 * put in order and nothing is ever missing. Host and target bytes are given before they are handed on: then what is given
 * later is later, over all connections.
 *
 * Bytes are borrowed for the call. Times are nanoseconds since the snoop's origin. A call throws only for a bug: then
 * `abandon` the stream, and `close` it once the connection that goes on unwatched has ended.
 */
export class InlineStream implements Carrier {
  readonly stream: number;
  readonly ends: StreamEnds;
  onStatus: StatusListener | undefined;
  /** True while bytes of the host's that were given have not been handed on. */
  heldBack: (() => boolean) | undefined;
  private readonly parts: InlineParts;
  private nexus: Nexus | undefined;
  /** The nexus at hand has seen the stream from its first byte. */
  private whole = true;
  private disowned = false;
  private over = false;
  private late = 0;
  private unwatched: Lu[] | undefined;
  private readonly fins: [boolean, boolean] = [false, false];
  /** Bytes of each direction that the nexus at hand had before those at hand. */
  private hostBytes = 0;
  private targetBytes = 0;

  constructor(stream: number, ends: StreamEnds, parts: InlineParts) {
    this.stream = stream;
    this.ends = ends;
    this.parts = parts;
    this.begin();
  }

  // --- what the owner calls

  fromHost(bytes: Uint8Array, offset: number, length: number, time: number): void {
    if (this.disowned || this.over) return;
    this.parts.nextFrame(time);
    this.deliver(HOST, bytes, offset, length);
    this.hostBytes += length;
    this.parts.passed(time);
  }

  fromTarget(bytes: Uint8Array, offset: number, length: number, time: number): void {
    if (this.disowned || this.over) return;
    this.parts.nextFrame(time);
    this.deliver(TARGET, bytes, offset, length);
    this.targetBytes += length;
    this.parts.passed(time);
  }

  /** The side has ended its direction; all its bytes were given. */
  finHost(time: number): void {
    this.fin(HOST, time);
  }

  finTarget(time: number): void {
    this.fin(TARGET, time);
  }

  /** The connection was reset, or broke, from this side. */
  reset(from: 'host' | 'target', time: number): void {
    if (this.endsUnseen() || this.over) return;
    const side = from === 'host' ? HOST : TARGET;
    this.parts.nextFrame(time);
    this.over = true;
    if (!this.disowned) {
      this.nexus?.reset(side);
      this.nexus?.end('reset', side);
    }
    this.leave(time);
  }

  /** The unit itself ends it: what is open may still land. */
  close(time: number): void {
    if (this.endsUnseen() || this.over) return;
    this.parts.nextFrame(time);
    this.over = true;
    if (!this.disowned) {
      // The target did not end this: that says nothing about a restart.
      this.nexus?.reset(HOST);
      this.nexus?.end('reused', HOST);
    }
    this.leave(time);
  }

  /** Nothing carried from here on is iSCSI that is understood: it need not be given. */
  get foreign(): boolean {
    return this.disowned;
  }

  /** Digests in use in the full feature phase, undefined before it (RFC 7143 section 6.1). */
  get digests(): { header: boolean; data: boolean } | undefined {
    return this.nexus?.phase === 'full' ? this.nexus.digests : undefined;
  }

  /**
   * True when the host's next `length` bytes are data of a command that is known: no intent can come of them, so they may be
   * given after they were handed on (before anything else of any connection is).
   */
  announcesNothing(length: number): boolean {
    return this.disowned || this.over || this.nexus?.withinData(HOST, length) === true;
  }

  /** Where the host's PDU that is being decoded begins within the bytes at hand, 0 where it began before them. */
  get announcedAt(): number {
    return Math.max(0, (this.nexus?.pduStart(HOST) ?? 0) - this.hostBytes);
  }

  /** The host's MaxRecvDataSegmentLength (RFC 7143 section 13.12): no answer's data may be longer. */
  get hostSegment(): number {
    return this.nexus?.negotiation.hostSegment ?? SEGMENT_DEFAULT;
  }

  /** Commands without a status so far. */
  get openTasks(): number {
    return this.nexus?.open.size ?? 0;
  }

  /** Who talks to whom, once the login told. */
  get session(): { host: string | undefined; target: string | undefined; discovery: boolean } {
    const negotiation = this.nexus?.negotiation;
    const { initiatorName: host, targetName: target, discovery = false } = negotiation ?? {};
    return { host, target, discovery };
  }

  /**
   * A call threw: nothing more is decoded. The LUs that the connection can change are in doubt whole as long as it goes
   * on, and once more when `close` says that it has ended. Returns them. Does not throw: what the bug left may be anything.
   */
  abandon(): LuId[] {
    if (this.unwatched !== undefined) return this.unwatched.map((lu) => lu.id);
    const { nexus } = this;
    this.nexus = undefined;
    this.over = true;
    this.unwatched = [];
    try {
      this.unwatched = [...(nexus?.reachable() ?? this.parts.claimed)];
      nexus?.end('reused', HOST);
    } catch {
      this.unwatched = [...new Set([...this.unwatched, ...this.parts.claimed])];
    }
    this.parts.unseen(this.unwatched);
    return this.unwatched.map((lu) => lu.id);
  }

  /** The snoop ends. */
  sourceEnded(): void {
    if (this.over) return;
    this.over = true;
    this.nexus?.end('source-end', HOST);
    this.nexus = undefined;
  }

  // --- Carrier

  get opener(): Side | undefined {
    return this.whole ? HOST : undefined;
  }

  begun(): boolean {
    return this.whole;
  }

  get finished(): boolean {
    return this.fins[HOST] && this.fins[TARGET];
  }

  disown(): void {
    this.disowned = true;
  }

  finish(how: 'reused' | 'source-end'): void {
    const { nexus } = this;
    this.nexus = undefined;
    this.late = 0;
    nexus?.end(how, HOST);
  }

  private begin(): void {
    this.nexus = this.parts.makeNexus(() => this);
    this.nexus.heldBack = () => this.heldBack?.() === true;
    this.nexus.onStatus = (task, start) => {
      this.onStatus?.(task.lu.root.id, task.status, task.ordinal, Math.max(0, start - this.targetBytes));
    };
  }

  private deliver(side: Side, bytes: Uint8Array, offset: number, length: number): void {
    if (this.nexus === undefined) {
      // Another login took this session's place, yet both ends go on: it is followed from here, as one joined midway.
      if (++this.late < REVIVED) return;
      this.whole = false;
      this.hostBytes = 0;
      this.targetBytes = 0;
      this.begin();
    }
    this.nexus!.bytes(side, bytes, offset, length);
  }

  private fin(side: Side, time: number): void {
    if (this.unwatched !== undefined || this.over || this.fins[side]) return;
    this.fins[side] = true;
    this.parts.nextFrame(time);
    if (this.finished) this.over = true;
    if (!this.disowned) this.nexus?.fin(side);
    if (this.finished) this.leave(time);
    else this.parts.passed(time);
  }

  /** The end of an abandoned stream. */
  private endsUnseen(): boolean {
    if (this.unwatched === undefined) return false;
    const lus = this.unwatched;
    this.unwatched = [];
    this.parts.seen(lus);
    this.parts.ended(this);
    return true;
  }

  private leave(time: number): void {
    this.nexus = undefined;
    this.parts.ended(this);
    this.parts.passed(time);
  }
}
