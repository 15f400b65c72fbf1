import { BHS_BYTES, Op } from '../../../parsers/iscsi/opcodes.ts';
import { type DigestVerdict, PduSplitter } from '../../../parsers/iscsi/splitter.ts';
import { addressText, portalText } from '../../base/address.ts';
import { absolute, type Bus } from '../bus.ts';
import type { Endpoints, TcpConnection } from '../flow/connection.ts';
import type { Moment } from '../flow/moment.ts';
import type { Side, StreamSink } from '../flow/stream.ts';
import type { Journal } from '../lu/journal.ts';
import type { Task } from '../task.ts';
import { HostPdus } from './hostPdus.ts';
import { Hunter } from './hunter.ts';
import { LossLedger } from './ledger.ts';
import type { Management, SessionControl } from './management.ts';
import { Negotiation } from './negotiation.ts';
import type { Session, SessionTable } from './session.ts';
import { TargetPdus } from './targetPdus.ts';
import type { Tasks } from './tasks.ts';
import type { Evidence } from './witness.ts';

/** Bytes of a connection without its start that are searched before it is called foreign, when nothing points to iSCSI. */
const FOREIGN_AFTER = 2 << 20;
/** IANA's iSCSI ports: a stream there is searched for as long as it takes. */
const ISCSI_PORTS = new Set([3260, 860]);

/** What the parts of one iSCSI connection share. */
export interface NexusParts {
  bus: Bus;
  journal: Journal;
  sessions: SessionTable;
  tasks: Tasks;
  control: SessionControl;
  claimedPortal(portal: string): boolean;
  /** Connections with a loss that is not accounted for yet. */
  uneasy: Set<Nexus>;
  /** A connection turned out to be iSCSI. */
  proved(): void;
}

/**
 * One iSCSI connection as it passes: cuts both directions into PDUs, finds its place again after a loss, and hands
 * requests and answers to `HostPdus` and `TargetPdus` in causal order.
 */
export class Nexus implements StreamSink, Evidence {
  readonly stream: number;
  readonly parts: NexusParts;
  readonly negotiation = new Negotiation();
  readonly ledger = new LossLedger();
  readonly open = new Map<number, Task>();
  /** Tasks that were ended without a status of their own, by ITT: a late one is theirs. */
  readonly retired = new Map<number, Task>();
  /** Task management and other requests that wait for their responses, by ITT. */
  readonly management = new Map<number, Management>();
  readonly requests = new Set<number>();
  session: Session;
  /** The host's side; undefined until a SYN or a header tells. */
  hostSide: Side | undefined;
  phase: 'start' | 'login' | 'full' = 'start';
  portal = '';
  loggedOut = false;
  /** Time of the last status, -1 before it. */
  answeredAt = -1;

  /** Evidence (RFC 7143 section 4.2.2). */
  expCmdSn = -1;
  expStatSn = -1;
  nextStatSn = -1;
  maxCmdSn = -1;
  /** Statuses that were lost, by StatSN, and the tasks they may have been for. */
  lostStatuses = 0;
  statusCandidates = new Set<Task>();

  private readonly moment: Moment;
  private readonly ends: Endpoints;
  private readonly tcp: () => TcpConnection;
  private readonly splitters: [PduSplitter | undefined, PduSplitter | undefined] = [undefined, undefined];
  private readonly hunters: [Hunter, Hunter] = [new Hunter(), new Hunter()];
  private readonly positions: [number, number] = [0, 0];
  private readonly host: HostPdus;
  private readonly target: TargetPdus;
  private headerDigest: boolean | undefined;
  private dataDigest: boolean | undefined;
  private anyHole = false;
  private pdus = 0;
  /** Position where the current hunt for a boundary began, per side. */
  private readonly huntFrom: [number, number] = [0, 0];
  /** Position in the host's direction up to which there was nothing but the login. */
  private loginEnd = 0;
  private ended = false;
  private gone = false;
  private firstEnd: 'host' | 'target' | undefined;

  constructor(stream: number, ends: Endpoints, tcp: () => TcpConnection, moment: Moment, parts: NexusParts) {
    this.stream = stream;
    this.ends = ends;
    this.tcp = tcp;
    this.parts = parts;
    this.moment = moment;
    this.host = new HostPdus(this);
    this.target = new TargetPdus(this);
    this.session = parts.sessions.open('', '', parts.sessions.target(''));
  }

  /** Frame and time of the bytes at hand. */
  get frame(): number {
    return this.moment.frame;
  }

  get time(): number {
    return this.moment.time;
  }

  get nextCmdSn(): number {
    return this.session.nextCmdSn;
  }

  transferOf(itt: number, toTarget: boolean): number {
    const task = this.open.get(itt);
    if (task === undefined || (toTarget ? !task.writes : !task.reads)) return -1;
    return task.edtl;
  }

  // --- StreamSink

  bytes(side: Side, bytes: Uint8Array, offset: number, length: number): void {
    let splitter = this.splitters[side];
    if (splitter === undefined) splitter = this.start(side);
    if (splitter === undefined || splitter.lost) {
      this.hunt(side, bytes, offset, length);
      return;
    }
    const used = splitter.bytes(bytes, offset, length);
    this.positions[side] = splitter.position;
    if (splitter.lost) this.lost(side, splitter, bytes, offset + used, length - used);
  }

  hole(side: Side, length: number): void {
    const { time } = this;
    this.anyHole = true;
    const { bus } = this.parts;
    if (time > bus.now) bus.now = time;
    const toTarget = side === this.hostSide;
    bus.sink.hole?.({ stream: this.stream, toTarget, bytes: length, at: absolute(bus, time) });
    const splitter = this.splitters[side] ?? this.start(side);
    if (splitter === undefined || splitter.lost) {
      this.hunters[side].hole(length);
      this.positions[side] += length;
      return;
    }
    const used = splitter.hole(length);
    this.positions[side] = splitter.position + (length - used);
    if (!splitter.lost) return;
    this.beginHunt(side, splitter.start, splitter.start);
    const passed = splitter.position - splitter.start + (length - used);
    this.hunters[side].hole(passed);
    this.positions[side] += passed;
  }

  disputed(side: Side, bytes: Uint8Array, offset: number, rival: Uint8Array, length: number): void {
    const splitter = this.splitters[side];
    if (splitter === undefined || !splitter.disputed(bytes, offset, rival, length)) this.hole(side, length);
    else this.positions[side] = splitter.position;
  }

  fin(side: Side): void {
    this.endedBy(side);
    if (this.tcp().halves[0].finDone && this.tcp().halves[1].finDone) this.close();
  }

  reset(side: Side): void {
    this.endedBy(side);
    if (this.hostSide !== undefined) this.lose();
  }

  end(how: 'reset' | 'reused' | 'source-end', side: Side): void {
    if (how === 'reset') this.endedBy(side);
    this.close(how === 'source-end');
  }

  // --- from the splitters

  header(pdu: PduSplitter): void {
    this.pdus++;
    if (this.time > this.parts.bus.now) this.parts.bus.now = this.time;
    if (pdu === this.splitters[this.hostSide as Side]) this.host.header(pdu);
    else this.target.header(pdu);
  }

  data(pdu: PduSplitter, bytes: Uint8Array, offset: number, length: number, at: number): void {
    if (pdu === this.splitters[this.hostSide as Side]) this.host.data(bytes, offset, length, at);
    else this.target.data(bytes, offset, length, at);
  }

  dataHole(pdu: PduSplitter, length: number, at: number): void {
    if (pdu === this.splitters[this.hostSide as Side]) this.host.dataHole(length, at);
    else this.target.dataHole(length, at);
  }

  endPdu(pdu: PduSplitter, verdict: DigestVerdict): void {
    if (pdu.dataDigest !== undefined && this.dataDigest === undefined && pdu.dataLength > 0) this.settleDataDigest(pdu);
    if (pdu === this.splitters[this.hostSide as Side]) this.host.end(pdu, verdict);
    else this.target.end(pdu, verdict);
  }

  // --- roles, phases

  /** The final Login Response: no command can have been sent before it (RFC 7143 section 6.3). */
  loggedIn(): void {
    this.loginEnd = this.positions[this.hostSide as Side];
    this.fullFeature();
  }

  /**
   * The login is over: digests are in use from the next PDU on (RFC 7143 section 6.1). Where the final Login Response was
   * lost, the first PDU of the full feature phase shows that it was a success: who talks to whom stands in the requests.
   */
  fullFeature(): void {
    if (this.phase === 'full') return;
    this.phase = 'full';
    this.parts.control.loggedIn(this);
    const segment = this.negotiation.targetSegment;
    if (segment !== undefined) this.ledger.agreed(segment);
    this.setDigests(this.negotiation.digest('HeaderDigest'), this.negotiation.digest('DataDigest'));
  }

  /** Another session has taken the place of this one's: nothing more is waited for. */
  outlived(): void {
    this.tcp().finish('reused');
  }

  /** Bytes of digests in one header and one data segment. */
  get digests(): { header: boolean; data: boolean } {
    return { header: this.headerDigest === true, data: this.dataDigest === true };
  }

  /** A session of its own, before a login may join it to another. */
  newSession(): void {
    const { sessions } = this.parts;
    const hostSide = this.hostSide as Side;
    const portal = portalText(this.ends.addresses[1 - hostSide], this.ends.ports[1 - hostSide]);
    this.portal = portal;
    this.session = sessions.open(portal, addressText(this.ends.addresses[hostSide]), sessions.target(portal));
    this.session.enter(this);
  }

  /** A stream without a login at its start carries something else. */
  disown(): void {
    this.tcp().foreign = true;
    this.ended = true;
  }

  /** Commands were skipped: some were not seen. */
  skipped(commands: number): void {
    this.ledger.skipped(commands, this.parts.bus.now);
    this.parts.uneasy.add(this);
  }

  /** The source's clock has moved on: a loss that nothing accounts for is not waited for longer than the settle time. */
  tick(): void {
    const { bus } = this.parts;
    if (this.ended) this.parts.uneasy.delete(this);
    else if (bus.now - this.ledger.since > bus.settleNs) this.reckon();
  }

  private setDigests(header: boolean | undefined, data: boolean | undefined): void {
    this.headerDigest = header;
    this.dataDigest = data;
    for (const side of [0, 1] as const) {
      const splitter = this.splitters[side];
      if (splitter === undefined) continue;
      splitter.headerDigest = header === true;
      splitter.dataDigest = data;
      // Without knowing whether digests are used no boundary after this one is certain: it has to be proved.
      if (header === undefined && !splitter.lost) {
        splitter.lose();
        this.beginHunt(side, splitter.start, splitter.start);
      }
    }
  }

  private settleDataDigest(pdu: PduSplitter): void {
    this.dataDigest = pdu.dataDigest;
    for (const splitter of this.splitters) if (splitter !== undefined) splitter.dataDigest = pdu.dataDigest;
  }

  /** The first bytes of a side: with a SYN seen the roles are known and a boundary stands at the start of both. */
  private start(side: Side): PduSplitter | undefined {
    const { opener } = this.tcp();
    if (opener === undefined) return undefined;
    if (this.hostSide === undefined) {
      this.hostSide = opener;
      this.newSession();
    }
    return this.makeSplitter(side);
  }

  private makeSplitter(side: Side): PduSplitter {
    const splitter = new PduSplitter(
      {
        header: (pdu) => this.header(pdu),
        data: (pdu, bytes, offset, length, at) => this.data(pdu, bytes, offset, length, at),
        dataHole: (pdu, length, at) => this.dataHole(pdu, length, at),
        instead: (pdu, bytes, at) => {
          if (pdu === this.splitters[this.hostSide as Side]) this.host.instead(bytes, at);
          else this.target.instead(bytes, at);
        },
        end: (pdu, verdict) => this.endPdu(pdu, verdict),
      },
      side === this.hostSide,
    );
    splitter.headerDigest = this.headerDigest === true;
    splitter.dataDigest = this.phase === 'full' ? this.dataDigest : false;
    this.splitters[side] = splitter;
    return splitter;
  }

  // --- losing and finding the boundary

  private lost(side: Side, splitter: PduSplitter, bytes: Uint8Array, offset: number, length: number): void {
    const { isn } = this.tcp();
    if (this.phase === 'start' && !this.anyHole && isn[0] >= 0 && isn[1] >= 0) {
      this.disown();
      return;
    }
    const partial = splitter.partial.slice();
    this.beginHunt(side, splitter.start, splitter.start);
    if (partial.length > 0) {
      this.hunters[side].add(partial, 0, partial.length, this.frame, this.time);
      this.positions[side] += partial.length;
    }
    if (length > 0) this.hunt(side, bytes, offset, length);
  }

  private beginHunt(side: Side, position: number, boundary: number): void {
    this.huntFrom[side] = position;
    this.positions[side] = position;
    this.hunters[side].begin(position, boundary);
    const ofHost = side === this.hostSide;
    if (this.phase !== 'full') this.negotiation.lost(ofHost);
    else if (ofHost) this.ledger.losing(this.open.values(), this.parts.bus.now);
  }

  private hunt(side: Side, bytes: Uint8Array, offset: number, length: number): void {
    const hunter = this.hunters[side];
    hunter.add(bytes, offset, length, this.frame, this.time);
    this.positions[side] += length;
    const roles = this.hostSide === undefined ? [true, false] : [side === this.hostSide];
    // The loss may have taken the login's end: only a PDU found later tells whether digests are in use.
    const found = hunter.find(roles, this.headerDigest, this.dataDigest, this);
    if (found === undefined) {
      if (this.hostSide === undefined && hunter.searched > FOREIGN_AFTER && !this.likely()) this.disown();
      return;
    }
    const first = this.splitters[side] === undefined;
    if (this.hostSide === undefined) {
      this.hostSide = found.toTarget ? side : ((1 - side) as Side);
      this.newSession();
    }
    const opcode = hunter.buffer[found.at] & 0x3f;
    if (this.phase === 'start') {
      if (opcode !== Op.login && opcode !== Op.loginResponse) this.phase = 'full';
    } else if (this.phase === 'login' && opcode !== Op.login && opcode !== Op.loginResponse) this.fullFeature();
    if (this.phase === 'full') {
      if (this.headerDigest === undefined) this.headerDigest = found.headerDigest;
      for (const s of this.splitters) if (s !== undefined) s.headerDigest = this.headerDigest;
      this.dataDigest ??= found.dataDigest;
    }
    const splitter = this.splitters[side] ?? this.makeSplitter(side);
    const boundary = hunter.position + found.at;
    splitter.headerDigest = this.phase === 'full' && this.headerDigest === true;
    splitter.dataDigest = this.phase === 'full' ? this.dataDigest : false;
    splitter.resume(boundary);
    // Before the first boundary of a stream that was joined in its middle nothing can be accounted for: its tasks show
    // themselves as ghosts.
    if (!(first && this.tcp().isn[side] < 0)) this.gap(side, boundary);
    const { frame: lastFrame, time: lastTime } = this.moment;
    hunter.replay(found.at, (run, at, n, frame, time) => {
      this.moment.set(frame, time);
      this.bytes(side, run, at, n);
    });
    this.moment.set(lastFrame, lastTime);
  }

  /** A direction was passed over without being understood up to the boundary at `to`. */
  private gap(side: Side, to: number): void {
    if (side !== this.hostSide || this.phase !== 'full') return;
    const bytes = to - Math.max(this.huntFrom[side], this.loginEnd);
    if (bytes <= 0) return;
    this.ledger.gap(bytes, this.parts.bus.now, this.ended);
    this.parts.uneasy.add(this);
  }

  private likely(): boolean {
    const { ports, addresses } = this.ends;
    if (ISCSI_PORTS.has(ports[0]) || ISCSI_PORTS.has(ports[1])) return true;
    return [0, 1].some((s) => this.parts.claimedPortal(portalText(addresses[s], ports[s])));
  }

  // --- the end

  private endedBy(side: Side): void {
    if (this.firstEnd === undefined && this.hostSide !== undefined)
      this.firstEnd = side === this.hostSide ? 'host' : 'target';
  }

  private close(sourceEnded = false): void {
    if (this.ended) {
      // Bytes behind both FINs are the peers' nonsense; what they opened must come to an end all the same.
      this.parts.tasks.connectionEnded(this, sourceEnded);
      return;
    }
    this.ended = true;
    if (this.pdus > 0) this.parts.proved();
    if (this.hostSide === undefined) {
      this.closeUnproved();
      return;
    }
    const toTarget = this.splitters[this.hostSide];
    if (toTarget === undefined || toTarget.lost) {
      const passed = this.positions[this.hostSide] - this.huntFrom[this.hostSide];
      if (this.phase === 'full') this.gap(this.hostSide, this.positions[this.hostSide]);
      else if (passed >= BHS_BYTES && this.likely()) this.unproved(this.portal, this.negotiation.targetName);
    }
    const { session } = this;
    // ExpCmdSN is not asked here: some targets count immediate commands too, and the gaps' bytes tell more.
    if (sourceEnded) this.parts.tasks.connectionEnded(this, true);
    else this.lose();
    // CmdSNs that no connection of the session brought: one of them was not captured.
    if (session.nexuses.size === 1) this.ledger.skipped(session.skipped.size, this.parts.bus.now);
    this.reckon();
    session.leave(this);
  }

  /** The connection is gone: its open tasks may still land, and its target may have gone with it. */
  private lose(): void {
    this.parts.tasks.connectionEnded(this, false);
    if (!this.gone && !this.loggedOut && this.firstEnd !== 'host') this.session.target.suspect = true;
    this.gone = true;
  }

  /** A stream at an iSCSI portal that was never understood: its writes, if it carried any, are not known. */
  private closeUnproved(): void {
    for (const side of [0, 1] as const) {
      const portal = portalText(this.ends.addresses[side], this.ends.ports[side]);
      if (this.positions[1 - side] > 0 && this.parts.claimedPortal(portal)) this.unproved(portal, undefined);
    }
  }

  private unproved(portal: string, target: string | undefined): void {
    const { bus, journal } = this.parts;
    bus.notice(
      `unproved ${portal}`,
      `stream ${this.stream} at ${portal} could not be understood: its volumes are in doubt`,
    );
    for (const lu of bus.directory.ofTarget(target, portal)) journal.doubtWhole(lu, 'lost-command');
  }

  /** Whatever the ledger cannot account for puts the LUs that a lost command may have reached in doubt whole. */
  private reckon(): void {
    const { header, data } = this.digests;
    if (this.ledger.owes(header, data)) {
      this.parts.bus.notice(
        `lost ${this.session.targetText}`,
        `stream ${this.stream}: a command to ${this.session.targetText} was lost and its blocks cannot be proved`,
      );
      for (const lu of this.session.reachable()) this.parts.journal.doubtWhole(lu, 'lost-command');
    }
    this.ledger.clear();
    this.parts.uneasy.delete(this);
  }
}
