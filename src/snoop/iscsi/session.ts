import type { Bus } from '../bus.ts';
import type { Lu } from '../lu/lu.ts';
import type { Task } from '../task.ts';
import type { Nexus } from './nexus.ts';

/** A target as far as restarts of it matter (requirement B2b). */
export interface TargetState {
  name: string;
  /** A session to it ended from the target's side: a new login may meet a power-on. */
  suspect: boolean;
  lus: Set<Lu>;
}

/** An iSCSI session: one nexus between a host and a target, over one or several connections (RFC 7143 section 4.4). */
export class Session {
  initiator: string | undefined;
  targetName: string | undefined;
  readonly portal: string;
  readonly hostAddress: string;
  isid = '';
  discovery = false;
  /** Its login was seen complete: tasks before the first one seen cannot exist. */
  fromStart = false;
  tsih = 0;
  /** Its live connections. */
  readonly nexuses = new Set<Nexus>();
  /** The next CmdSN expected, -1 while unknown. */
  nextCmdSn = -1;
  /** CmdSNs that were skipped and may still come on another connection. */
  readonly skipped = new Set<number>();
  /** LUs with a completed command, and their count of resets then: unit attentions are no greeting any more. */
  readonly used = new Map<Lu, number>();
  /** Logins happened while the target was suspect. */
  afterSuspect = false;
  target: TargetState;

  private readonly bus: Bus;
  private readonly table: SessionTable;
  private readonly byLun = new Map<number, Lu>();

  constructor(bus: Bus, table: SessionTable, portal: string, hostAddress: string, target: TargetState) {
    this.bus = bus;
    this.table = table;
    this.portal = portal;
    this.hostAddress = hostAddress;
    this.target = target;
  }

  get hostText(): string {
    return this.initiator ?? this.hostAddress;
  }

  get targetText(): string {
    return this.targetName ?? this.portal;
  }

  /** The LU that this session calls `lun`. */
  lu(lun: number): Lu {
    let lu = this.byLun.get(lun);
    if (lu === undefined) {
      lu = this.bus.directory.find(this.targetName, this.portal, lun);
      lu.target ||= this.targetText;
      if (this.byLun.size < 4096) this.byLun.set(lun, lu);
      this.target.lus.add(lu);
    } else if (lu.alias !== undefined) {
      lu = lu.root;
      this.byLun.set(lun, lu);
      this.target.lus.add(lu);
    }
    return lu;
  }

  /** The login told the target's name: LUs looked up before it were guesses by portal. */
  forgetLus(): void {
    this.byLun.clear();
  }

  enter(nexus: Nexus): void {
    this.nexuses.add(nexus);
    this.table.live.add(this);
  }

  leave(nexus: Nexus): void {
    this.nexuses.delete(nexus);
    if (this.nexuses.size === 0) this.table.live.delete(this);
  }

  /** True when this session has a name for `lu`. */
  knows(lu: Lu): boolean {
    for (const known of this.byLun.values()) if (known.root === lu.root) return true;
    return false;
  }

  /** VPD 83h showed that `from` is another name of `to`. */
  renamed(from: Lu, to: Lu): void {
    for (const [lun, lu] of this.byLun) if (lu === from) this.byLun.set(lun, to);
    this.target.lus.add(to);
  }

  /** Every LU that a command of this session may have been meant for. */
  reachable(): Lu[] {
    const claimed = this.bus.directory.ofTarget(this.targetName, this.portal);
    return [...new Set([...this.byLun.values(), ...claimed].map((lu) => lu.root))];
  }
}

/** A task whose connection ended before its status: it may still land until something shows that it cannot. */
export interface Lingering {
  task: Task;
  session: Session;
  since: number;
  /** The unit held its connection back as it ended: what ended it there proves nothing, only time does. */
  held: boolean;
}

/** Sessions and targets of one snoop, and the tasks that outlived their connections. */
export class SessionTable {
  readonly lingering: Lingering[] = [];
  /** Sessions with a connection. */
  readonly live = new Set<Session>();
  private readonly targets = new Map<string, TargetState>();
  private readonly bySsid = new Map<string, Session>();
  private readonly bus: Bus;

  constructor(bus: Bus) {
    this.bus = bus;
  }

  target(name: string): TargetState {
    let state = this.targets.get(name);
    if (state === undefined) {
      state = { name, suspect: false, lus: new Set() };
      if (this.targets.size < 65536) this.targets.set(name, state);
    }
    return state;
  }

  open(portal: string, hostAddress: string, target: TargetState): Session {
    return new Session(this.bus, this, portal, hostAddress, target);
  }

  /** The live session of this initiator port at this target (RFC 7143 section 4.4.1), replaced by `session` if given. */
  known(initiator: string, isid: string, target: string, session?: Session): Session | undefined {
    const key = `${initiator}\n${isid}\n${target}`;
    const old = this.bySsid.get(key);
    if (session !== undefined && (old !== undefined || this.bySsid.size < 65536)) this.bySsid.set(key, session);
    return old;
  }

  /** Live sessions that use `lu`. */
  at(lu: Lu): Session[] {
    return [...this.live].filter((session) => session.knows(lu));
  }

  /** Removes and returns the lingering tasks that `which` picks. */
  take(which: (l: Lingering) => boolean): Lingering[] {
    const out = this.lingering.filter(which);
    if (out.length === 0) return out;
    const rest = this.lingering.filter((l) => !which(l));
    this.lingering.length = 0;
    this.lingering.push(...rest);
    return out;
  }
}
