import { Op } from '../../../parsers/iscsi/opcodes.ts';
import type { DeviceServer, Nexus } from '../../base/device.ts';
import { diff32 } from '../../base/serial32.ts';
import type { Connection } from './connection.ts';
import type { Login } from './login.ts';
import type { Parameters } from './negotiate.ts';
import type { Request } from './request.ts';
import type { Shared } from './shared.ts';
import type { Task } from './task.ts';
import { Tasks } from './tasks.ts';
import type { TargetSpec } from './types.ts';
import { CommandWindow } from './window.ts';

/** A PDU that is kept for later. */
export interface KeptPdu {
  readonly request: Request;
  readonly data: Uint8Array;
  readonly damaged: boolean;
}

/** A request that came before its turn, on another connection than the one before it. */
export interface Parked extends KeptPdu {
  readonly connection: Connection;
  /** The unsolicited data that came behind a command. */
  readonly following: KeptPdu[];
}

/** Nothing is behind a discovery session. */
const NO_DEVICE: DeviceServer = {
  open: () => undefined,
  close: () => undefined,
  begin: () => {
    throw new Error('a discovery session has no commands');
  },
  manage: () => 'no lun',
};

/** A session of one initiator port with one target, over one connection or several (RFC 7143 section 4.2.3). */
export class Session {
  readonly target: TargetSpec | undefined;
  readonly device: DeviceServer;
  readonly nexus: Nexus;
  readonly initiator: string;
  readonly alias: string | undefined;
  readonly isid: string;
  readonly tsih: number;
  readonly user: string | undefined;
  /** Those of the leading connection; each connection has its own digests and segment lengths. */
  readonly parameters: Parameters;
  /** By CID. */
  readonly connections = new Map<number, Connection>();
  readonly window: CommandWindow;
  readonly tasks: Tasks;
  /** Bytes of data under way, and commands that wait for room. */
  held = 0;
  readonly waiting: Task[] = [];
  readonly #shared: Shared;
  /** By CmdSN; undefined where the number is to be passed over. */
  readonly parked = new Map<number, Parked | undefined>();
  /** Task management that was not answered yet; of it, what waits for requests before it. */
  managing = 0;
  readonly orders: { cmdSn: number; run: () => void }[] = [];
  /** It is ending: its connections are closed, its tasks stop. */
  closing = false;

  constructor(shared: Shared, login: Login, tsih: number, nexus: number) {
    this.#shared = shared;
    const { target, initiator, alias, parameters, user, isid } = login;
    this.target = target;
    this.device = target?.device ?? NO_DEVICE;
    this.initiator = initiator;
    this.alias = alias;
    this.isid = Array.from(isid, (byte) => byte.toString(16).padStart(2, '0')).join('');
    this.tsih = tsih;
    this.user = user;
    this.parameters = parameters;
    this.nexus = {
      id: nexus,
      initiator,
      initiatorPort: `${initiator},i,0x${this.isid}`,
      targetPort: target?.tag ?? 1,
    };
    this.window = new CommandWindow(login.cmdSn, shared.limits.commands);
    this.tasks = new Tasks(this, shared, this.device);
  }

  get discovery(): boolean {
    return this.target === undefined;
  }

  /** Keeps a request until its turn, which may have come while it came in; not one that was there before. */
  park(parked: Parked): void {
    const { cmdSn } = parked.request;
    if (this.parked.has(cmdSn) || diff32(cmdSn, this.window.expCmdSn) < 0) return;
    this.#shared.unsolicited += parked.data.length;
    this.parked.set(cmdSn, parked);
    this.unpark();
  }

  /** Keeps unsolicited data with its command, which came early too. */
  follow(command: Parked, kept: KeptPdu): void {
    this.#shared.unsolicited += kept.data.length;
    command.following.push(kept);
  }

  /** The number counts as received: nothing is to come of it. */
  pass(cmdSn: number): void {
    this.#forget(this.parked.get(cmdSn));
    this.parked.set(cmdSn, undefined);
    this.unpark();
  }

  /** Nothing that waits will have its turn. */
  unwait(): void {
    for (const parked of this.parked.values()) this.#forget(parked);
    this.parked.clear();
    this.orders.length = 0;
  }

  /** The command of that tag that waits for its turn. */
  parkedCommand(connection: Connection, itt: number): Parked | undefined {
    for (const parked of this.parked.values()) {
      const command = parked?.connection === connection && parked.request.opcode === Op.scsiCommand;
      if (command && parked.request.itt === itt) return parked;
    }
    return undefined;
  }

  #forget(parked: Parked | undefined): void {
    if (parked === undefined) return;
    this.#shared.unsolicited -= parked.data.length;
    for (const { data } of parked.following) this.#shared.unsolicited -= data.length;
  }

  /** A request took its turn: what waited for it goes on. */
  unpark(): void {
    const { window, parked, orders } = this;
    while (parked.size > 0 && parked.has(window.expCmdSn)) {
      const next = parked.get(window.expCmdSn);
      parked.delete(window.expCmdSn);
      this.#forget(next);
      window.advance();
      if (next !== undefined && !next.connection.over) next.connection.deliver(next);
    }
    if (orders.length > 0) this.#order();
  }

  /** Task management concerns every command before it: those have to be here first (RFC 7143 section 4.2.3.3). */
  #order(): void {
    const { window, orders } = this;
    const due = orders.filter(({ cmdSn }) => ((cmdSn - window.expCmdSn) | 0) <= 0);
    for (const order of due) {
      orders.splice(orders.indexOf(order), 1);
      order.run();
    }
  }
}
