import { FrameDecoder } from '../../parsers/net/decoder.ts';
import { normalPortal } from '../base/address.ts';
import type { LeaseRoom } from '../base/change.ts';
import type { FrameBatch } from '../base/frames.ts';
import type { SnoopSink } from '../base/sink.ts';
import type { Bus } from './bus.ts';
import { Moment } from './flow/moment.ts';
import { ConnectionTable } from './flow/table.ts';
import { SessionControl } from './iscsi/management.ts';
import { Nexus, type NexusParts } from './iscsi/nexus.ts';
import { SessionTable } from './iscsi/session.ts';
import { Tasks } from './iscsi/tasks.ts';
import { type LuClaim, LuDirectory } from './lu/directory.ts';
import { Journal } from './lu/journal.ts';

export interface SnoopOptions {
  sink: SnoopSink;
  /** Where write data is kept; without it (decode, stat) payloads are not looked at. */
  room?: LeaseRoom;
  /** The configured volumes. */
  volumes?: readonly LuClaim[];
  /** The reordering window. */
  reorder?: { ms: number; bytes: number };
  /** How long a write without a connection may still land. */
  settleMs?: number;
  /** Initiator names of the unit itself: its sessions are left out (requirement B6b). */
  own?: readonly string[];
}

const NOTICES_MAX = 1000;

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
  private iscsi = 0;
  private readonly notices = new Set<string>();
  private readonly portals = new Set<string>();
  private lastTick = 0;

  constructor(options: SnoopOptions) {
    const { sink, room, volumes = [], reorder = { ms: 500, bytes: 2 << 20 }, settleMs = 30_000 } = options;
    this.bus = {
      sink,
      room,
      directory: new LuDirectory(volumes),
      now: 0,
      origin: 0n,
      seq: 0,
      reorderNs: reorder.ms * 1e6,
      settleNs: settleMs * 1e6,
      own: new Set(options.own),
      notice: (key, text) => this.notice(key, text),
    };
    for (const volume of volumes) {
      for (const portal of volume.portals ?? []) this.portals.add(normalPortal(portal) ?? portal);
      const named = normalPortal(volume.lu.slice(0, volume.lu.lastIndexOf('/')));
      if (named !== undefined) this.portals.add(named);
    }
    this.journal = new Journal(this.bus);
    const sessions = new SessionTable(this.bus);
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
    this.connections = new ConnectionTable(
      (stream, ends, tcp) => new Nexus(stream, ends, tcp, this.moment, parts),
      { ns: this.bus.reorderNs, bytes: reorder.bytes },
      room !== undefined,
      this.moment,
    );
    this.decoder.verifyIp = room !== undefined;
  }

  /** Takes frames [from, to) of a batch; stops early when the room is full and returns the first frame not taken. */
  consume(batch: FrameBatch, from: number, to: number): number {
    const { bytes, offset, captured, wire, link } = batch;
    const { decoder, connections, moment } = this;
    const { room } = this.bus;
    if (this.frames === 0 && from < to) this.setOrigin(batch.seconds[from]);
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

  /** The source wants this buffer back: whatever is still queued from it is copied. */
  beforeReuse(bytes: Uint8Array): void {
    this.connections.copyOut(bytes);
  }

  /** TCP connections that carried iSCSI. */
  get iscsiStreams(): number {
    return this.iscsi;
  }

  /** The source has ended: everything is delivered, what is still open is in doubt. */
  finish(): void {
    this.connections.finish();
    this.doubtHeaderless();
    this.journal.finish();
  }

  /** Frames whose headers the snap length cut may have carried anything to anybody. */
  private doubtHeaderless(): void {
    const { truncated } = this.decoder;
    if (truncated === 0) return;
    this.notice(
      'truncated',
      `${truncated} frames are cut before the end of their headers: capture with a larger snap length`,
    );
    for (const lu of this.bus.directory.claimed) this.journal.doubtWhole(lu, 'lost-command');
  }

  private setOrigin(second: number): void {
    this.moment.countFrom(second);
    this.bus.origin = BigInt(Math.trunc(second)) * 1_000_000_000n;
  }

  private tick(time: number): void {
    const { bus } = this;
    if (time > bus.now) bus.now = time;
    if (bus.now - this.lastTick < 10e6) return;
    this.lastTick = bus.now;
    this.connections.tick(this.frames, bus.now);
    this.tasks.tick();
    this.journal.tick();
    for (const nexus of this.uneasy) nexus.tick();
  }

  private notice(key: string, text: string): void {
    if (this.notices.has(key) || this.notices.size >= NOTICES_MAX) return;
    this.notices.add(key);
    this.bus.sink.notice?.(text);
  }
}
