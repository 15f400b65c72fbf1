import { FrameDecoder } from '../../parsers/net/decoder.ts';
import { normalPortal } from '../base/address.ts';
import type { LeaseRoom, LuId } from '../base/change.ts';
import { Fault } from '../base/fault.ts';
import type { FrameBatch } from '../base/frames.ts';
import type { ReadWatch } from '../base/reads.ts';
import type { LuFacts, SnoopSink } from '../base/sink.ts';
import type { Bus } from './bus.ts';
import { Moment } from './flow/moment.ts';
import type { Carrier, StreamEnds } from './flow/stream.ts';
import { ConnectionTable } from './flow/table.ts';
import type { InlineStream } from './inline.ts';
import { Inlines } from './inlines.ts';
import { SessionControl } from './iscsi/management.ts';
import { Nexus, type NexusParts } from './iscsi/nexus.ts';
import { SessionTable } from './iscsi/session.ts';
import { Tasks } from './iscsi/tasks.ts';
import { claimedLu, doubtAll, learn } from './lu/claimed.ts';
import { type LuClaim, LuDirectory } from './lu/directory.ts';
import { Journal } from './lu/journal.ts';
import type { Outstanding } from './lu/outstanding.ts';
import { Notices } from './notices.ts';

export interface SnoopOptions {
  sink: SnoopSink;
  /** Where write data is kept; without it (decode, stat) payloads are not looked at. */
  room?: LeaseRoom;
  /** Who looks at what hosts read (requirement D5); without it nothing of that is kept. */
  reads?: ReadWatch;
  /** The configured volumes. */
  volumes?: readonly LuClaim[];
  /** The reordering window; 0 ms where nothing comes late (the tee). */
  reorder?: { ms: number; bytes: number };
  /** How long a write without a connection may still land. */
  settleMs?: number;
  /** Initiator names of the unit itself: its sessions are left out (requirement B6b). */
  own?: readonly string[];
  /** The frames come from a bus that has gone on before (a tap): what was under way then may land unseen. */
  joins?: boolean;
}

/** A session that is on the bus now. */
export interface SessionView {
  /** Initiator and target name; addresses where the login was not seen. */
  host: string;
  target: string;
  /** Whether the login told both. */
  named: boolean;
  portal: string;
  connections: number;
  /** Configured LUs that its commands may be meant for. */
  volumes: LuId[];
}

/**
 * Frames in, findings out: TCP streams with holes, sessions, tasks, changes. Synchronous; keeps no reference to a batch
 * beyond what `beforeReuse` is told about, reads no clock and does no I/O.
 */
export class Snoop {
  frames = 0;
  readonly decoder = new FrameDecoder();
  readonly connections: ConnectionTable;
  private readonly moment = new Moment();
  private readonly bus: Bus;
  private readonly journal: Journal;
  private readonly tasks: Tasks;
  private readonly uneasy = new Set<Nexus>();
  private readonly inlines: Inlines;
  private readonly sessions: SessionTable;
  private iscsi = 0;
  private started = false;
  private readonly portals = new Set<string>();
  private lastTick = 0;

  constructor(options: SnoopOptions) {
    const { sink, room, volumes = [], reorder = { ms: 500, bytes: 2 << 20 }, settleMs = 30_000 } = options;
    const notices = new Notices(sink);
    this.bus = {
      sink,
      room,
      ...(options.reads ? { reads: options.reads } : {}),
      directory: new LuDirectory(volumes),
      now: 0,
      origin: 0n,
      seq: 0,
      reorderNs: reorder.ms > 0 ? reorder.ms * 1e6 : -1,
      settleNs: settleMs * 1e6,
      own: new Set(options.own),
      began: options.joins === true ? -1 : undefined,
      notice: (key, text) => notices.tell(key, text),
    };
    for (const volume of volumes) {
      for (const portal of volume.portals ?? []) this.portals.add(normalPortal(portal) ?? portal);
      const named = normalPortal(volume.lu.slice(0, volume.lu.lastIndexOf('/')));
      if (named !== undefined) this.portals.add(named);
    }
    this.journal = new Journal(this.bus);
    const sessions = new SessionTable(this.bus);
    this.sessions = sessions;
    this.tasks = new Tasks(this.bus, this.journal, sessions);
    const parts: NexusParts = {
      bus: this.bus,
      journal: this.journal,
      sessions,
      tasks: this.tasks,
      control: new SessionControl(this.bus, this.journal, sessions, this.tasks),
      claimedPortal: (portal) => this.portals.has(portal),
      uneasy: this.uneasy,
      proved: () => this.iscsi++,
    };
    const makeNexus = (stream: number, ends: StreamEnds, carrier: () => Carrier): Nexus =>
      new Nexus(stream, ends, carrier, this.moment, parts);
    this.connections = new ConnectionTable(
      makeNexus,
      { ns: this.bus.reorderNs, bytes: reorder.bytes },
      room !== undefined,
      this.moment,
    );
    this.inlines = new Inlines(this.bus, this.journal, {
      nextFrame: (time) => this.moment.set(++this.frames, time),
      passed: (time) => this.tick(time),
      makeNexus,
    });
    this.decoder.verifyIp = room !== undefined;
  }

  /** Takes frames [from, to) of a batch; stops early when the room is full and returns the first frame not taken. */
  consume(batch: FrameBatch, from: number, to: number): number {
    const { bytes, offset, captured, wire, link } = batch;
    const { decoder, connections, moment } = this;
    const { room } = this.bus;
    if (!this.started && from < to) this.countFrom(batch.seconds[from]);
    if (this.bus.began === -1 && from < to) {
      moment.next(batch, from, this.frames + 1);
      this.bus.began = moment.time;
    }
    let i = from;
    for (; i < to; i++) {
      if (room?.full) break;
      moment.next(batch, i, ++this.frames);
      if (decoder.decode(bytes, offset[i], captured[i], wire[i], link[i])) connections.take(decoder);
    }
    if (i > from) moment.next(batch, i - 1, this.frames);
    this.tick(moment.time);
    return i;
  }

  /** Follows one connection that passes through the unit itself. `ends`: the host's first, then the target's. */
  attach(ends: StreamEnds): InlineStream {
    if (!this.started) throw new Fault('bug', 'countFrom comes before the first inline stream');
    return this.inlines.attach(this.connections.streams++, ends);
  }

  /** Times count from this whole second since 1970: the source's first moment is not before it. Once. */
  countFrom(second: number): void {
    this.started = true;
    this.moment.countFrom(second);
    this.bus.origin = BigInt(Math.trunc(second)) * 1_000_000_000n;
  }

  /** Nothing may have come for a while: the clock is at `time` (nanoseconds since the origin) all the same. */
  advance(time: number): void {
    if (!this.started) return;
    this.moment.set(this.frames, time);
    this.tick(time);
  }

  /** What writes on their way to a configured LU may still change (requirement B6). */
  outstanding(id: LuId): Outstanding | undefined {
    const lu = claimedLu(this.bus, id);
    if (lu === undefined) return undefined;
    const seen = this.journal.outstanding(lu);
    return this.inlines.unwatched(lu) ? { tasks: seen.tasks + 1, blocks: undefined } : seen;
  }

  /** What is known of a configured LU from elsewhere, its own target for example; 0 for what is not. */
  learn(facts: LuFacts): void {
    learn(this.bus, this.journal, facts);
  }

  /** The source lost something that no sequence number may ever show: every configured LU is in doubt whole. */
  lose(): void {
    doubtAll(this.bus, this.journal);
  }

  /** The source wants this buffer back: whatever is still queued from it is copied. */
  beforeReuse(bytes: Uint8Array): void {
    this.connections.copyOut(bytes);
  }

  /** TCP connections that carried iSCSI. */
  get iscsiStreams(): number {
    return this.iscsi;
  }

  /** Sessions that have a connection now, but for the unit's own, at most `max` of them. */
  sessionViews(max: number): SessionView[] {
    const views: SessionView[] = [];
    for (const session of this.sessions.live) {
      if (views.length >= max) break;
      if (session.discovery || this.bus.own.has(session.hostText)) continue;
      views.push({
        host: session.hostText,
        target: session.targetText,
        named: session.targetName !== undefined,
        portal: session.portal,
        connections: session.nexuses.size,
        volumes: session
          .reachable()
          .filter(({ configured }) => configured)
          .map(({ id }) => id),
      });
    }
    return views;
  }

  /** The source has ended: everything is delivered, what is still open is in doubt. */
  finish(): void {
    this.connections.finish();
    this.inlines.finish();
    this.doubtHeaderless();
    this.journal.finish();
  }

  /** Frames whose headers the snap length cut may have carried anything to anybody. */
  private doubtHeaderless(): void {
    const { truncated } = this.decoder;
    if (truncated === 0) return;
    this.bus.notice(
      'truncated',
      `${truncated} frames are cut before the end of their headers: capture with a larger snap length`,
    );
    doubtAll(this.bus, this.journal);
  }

  private tick(time: number): void {
    const { bus } = this;
    if (time > bus.now) bus.now = time;
    if (bus.began === -1) bus.began = bus.now;
    if (bus.now - this.lastTick < 10e6) return;
    this.lastTick = bus.now;
    this.connections.tick(this.frames, bus.now);
    this.tasks.tick();
    this.journal.tick();
    for (const nexus of this.uneasy) nexus.tick();
  }
}
