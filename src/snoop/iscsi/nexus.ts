import { u32 } from '../../../parsers/bytes.ts';
import { BHS_BYTES, Op } from '../../../parsers/iscsi/opcodes.ts';
import type { PduSplitter } from '../../../parsers/iscsi/splitter.ts';
import { addressText, portalText } from '../../base/address.ts';
import { absolute, type Bus } from '../bus.ts';
import type { Moment } from '../flow/moment.ts';
import type { Carrier, Side, StreamEnds, StreamSink } from '../flow/stream.ts';
import type { Journal } from '../lu/journal.ts';
import type { Lu } from '../lu/lu.ts';
import type { Task } from '../task.ts';
import { Cutter } from './cutter.ts';
import { HostPdus } from './hostPdus.ts';
import { LossLedger } from './ledger.ts';
import type { Management, SessionControl } from './management.ts';
import { Negotiation } from './negotiation.ts';
import type { Session, SessionTable } from './session.ts';
import { TargetPdus } from './targetPdus.ts';
import type { Tasks } from './tasks.ts';
import type { Evidence } from './witness.ts';

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

  readonly host: HostPdus;
  readonly target: TargetPdus;
  /** Told of each status of a task that may change the medium, and at which byte of the target's direction its PDU starts. */
  onStatus: ((task: Task, start: number) => void) | undefined;
  /** True while bytes of the host's that were given have not been handed on to the target. */
  heldBack: () => boolean = never;

  private readonly moment: Moment;
  private readonly ends: StreamEnds;
  private readonly carrier: () => Carrier;
  private readonly cutter: Cutter;
  private statusOf: Task | undefined;
  private statusStart = 0;
  private pdus = 0;
  private ended = false;
  private gone = false;
  private firstEnd: 'host' | 'target' | undefined;

  constructor(stream: number, ends: StreamEnds, carrier: () => Carrier, moment: Moment, parts: NexusParts) {
    this.stream = stream;
    this.ends = ends;
    this.carrier = carrier;
    this.parts = parts;
    this.moment = moment;
    this.host = new HostPdus(this);
    this.target = new TargetPdus(this);
    this.cutter = new Cutter(this, carrier, moment);
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
    this.cutter.bytes(side, bytes, offset, length);
  }

  hole(side: Side, length: number): void {
    const { time } = this;
    const { bus } = this.parts;
    if (time > bus.now) bus.now = time;
    const toTarget = side === this.hostSide;
    bus.sink.hole?.({ stream: this.stream, toTarget, bytes: length, at: absolute(bus, time) });
    this.cutter.hole(side, length);
  }

  disputed(side: Side, bytes: Uint8Array, offset: number, rival: Uint8Array, length: number): void {
    if (!this.cutter.disputed(side, bytes, offset, rival, length)) this.hole(side, length);
  }

  fin(side: Side): void {
    this.endedBy(side);
    if (this.carrier().finished) this.close();
  }

  reset(side: Side): void {
    this.endedBy(side);
    if (this.hostSide !== undefined) this.lose();
  }

  end(how: 'reset' | 'reused' | 'source-end', side: Side): void {
    if (how === 'reset') this.endedBy(side);
    this.close(how === 'source-end');
  }

  // --- from the cutter

  headerPassed(): void {
    this.pdus++;
    const { bus } = this.parts;
    if (this.time > bus.now) bus.now = this.time;
  }

  /** A header of the target's: is it the status of a task that may change the medium? */
  noteStatus(pdu: PduSplitter): void {
    const { bhs: b, bhsAt: at, opcode } = pdu;
    this.statusOf = undefined;
    if (opcode !== Op.scsiResponse && !(opcode === Op.dataIn && (b[at + 1] & 1) !== 0)) return;
    const task = this.open.get(u32(b, at + 16));
    if (task?.mutates !== true) return;
    this.statusOf = task;
    this.statusStart = pdu.start;
  }

  /** That PDU is complete, and what it meant is with the sink. */
  tellStatus(): void {
    if (this.statusOf === undefined) return;
    const task = this.statusOf;
    this.statusOf = undefined;
    this.onStatus?.(task, this.statusStart);
  }

  /** Who is who, and a session of its own, before a login may join it to another. */
  rolesKnown(hostSide: Side): void {
    this.hostSide = hostSide;
    const { sessions } = this.parts;
    const { addresses, ports } = this.ends;
    const portal = portalText(addresses[1 - hostSide], ports[1 - hostSide]);
    this.portal = portal;
    this.session = sessions.open(portal, addressText(addresses[hostSide]), sessions.target(portal));
    this.session.enter(this);
  }

  /** A PDU of the full feature phase was found where the login was lost from sight. */
  beyondLogin(): void {
    if (this.phase === 'start') this.phase = 'full';
    else this.fullFeature();
  }

  boundaryLost(ofHost: boolean): void {
    if (this.phase !== 'full') this.negotiation.lost(ofHost);
    else if (ofHost) this.ledger.losing(this.open.values(), this.parts.bus.now);
  }

  /** `bytes` from the host were passed over without being understood. */
  missed(bytes: number): void {
    this.ledger.gap(bytes, this.parts.bus.now, this.ended);
    this.parts.uneasy.add(this);
  }

  likely(): boolean {
    const { ports, addresses } = this.ends;
    if (ISCSI_PORTS.has(ports[0]) || ISCSI_PORTS.has(ports[1])) return true;
    return [0, 1].some((s) => this.parts.claimedPortal(portalText(addresses[s], ports[s])));
  }

  // --- roles, phases

  /** The final Login Response: no command can have been sent before it (RFC 7143 section 6.3). */
  loggedIn(): void {
    this.cutter.loginOver();
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
    this.cutter.setDigests(this.negotiation.digest('HeaderDigest'), this.negotiation.digest('DataDigest'));
  }

  /** Another session has taken the place of this one's: nothing more is waited for. */
  outlived(): void {
    this.carrier().finish('reused');
  }

  /** Bytes of digests in one header and one data segment. */
  get digests(): { header: boolean; data: boolean } {
    return { header: this.cutter.headerDigest === true, data: this.cutter.dataDigest === true };
  }

  /** A stream without a login at its start carries something else. */
  disown(): void {
    this.carrier().disown();
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

  /** See `Cutter.withinData`. */
  withinData(side: Side, length: number): boolean {
    return this.cutter.withinData(side, length);
  }

  /** Byte of `side` where the PDU at hand begins; 0 while that is not known. */
  pduStart(side: Side): number {
    return this.cutter.pduStart(side);
  }

  /** Every LU that something unseen on this connection may have been meant for. */
  reachable(): readonly Lu[] {
    return this.hostSide === undefined ? this.parts.bus.directory.claimed : this.session.reachable();
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
    const adrift = this.cutter.adrift(this.hostSide);
    if (adrift >= 0) {
      if (this.phase === 'full') this.cutter.gap(this.hostSide, this.cutter.passed(this.hostSide));
      else if (adrift >= BHS_BYTES && this.likely()) this.unproved(this.portal, this.negotiation.targetName);
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
      if (this.cutter.passed((1 - side) as Side) > 0 && this.parts.claimedPortal(portal))
        this.unproved(portal, undefined);
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

function never(): boolean {
  return false;
}
