import type { LuClaim } from '../../src/snoop/lu/directory.ts';
import { sync10, write10 } from './cdb.ts';
import { type CommandShape, Connection, type Sent, type SessionNumbers } from './connection.ts';
import { type Bytes, type Ends, Link, Wire } from './link.ts';
import { type Findings, type RunOptions, run } from './run.ts';

export const TARGET = 'iqn.2001-04.com.example:disk';
export const HOST = 'iqn.2001-04.com.example:host';
export const LU = `${TARGET}/0`;
export const BLOCK = 512;

/** `blocks` blocks of the byte `value`. */
export function blocks(value: number, count = 1, size = BLOCK): Bytes {
  return new Uint8Array(count * size).fill(value);
}

export interface LoginShape extends Ends {
  keys?: Readonly<Record<string, string>>;
  answer?: Readonly<Record<string, string>>;
  isid?: number;
  target?: readonly number[];
  initiator?: string;
  targetName?: string;
  /** Numbers of a session that this connection joins. */
  session?: SessionNumbers;
}

/** A capture being scripted: `login` connections, send PDUs on them, `run` a snoop over all of it. */
export class ScriptedBus {
  readonly wire = new Wire();
  private ports = 40000;

  /** A TCP connection with its handshake, not logged in. */
  connect(o: LoginShape = {}): Connection {
    const link = new Link(this.wire, { hostPort: this.ports++, ...o }).open();
    return new Connection(link, o.session);
  }

  login(o: LoginShape = {}): Connection {
    const { keys = {}, answer = {}, isid = 1, initiator = HOST, targetName = TARGET } = o;
    return this.connect(o).login(
      { InitiatorName: initiator, TargetName: targetName, SessionType: 'Normal', ...keys },
      answer,
      isid,
    );
  }

  wait(ms: number): void {
    this.wire.wait(ms);
  }

  run(o: RunOptions = {}): Findings {
    return run(this.wire, { volumes: [claim()], ...o });
  }
}

/** The configured volume of most tests: 1000 blocks of 512 bytes. */
export function claim(o: Partial<LuClaim> = {}): LuClaim {
  return { lu: LU, blockSize: BLOCK, blocks: 1000, ...o };
}

/** WRITE(10) of the blocks in `data`, sent and not answered. */
export function startWrite(c: Connection, lbn: number, data: Bytes, o: CommandShape = {}): Sent {
  return c.command(write10(lbn, data.length / BLOCK), { out: data, ...o });
}

/** WRITE(10) that ends in GOOD. */
export function write(c: Connection, lbn: number, data: Bytes, o: CommandShape = {}): void {
  c.status(startWrite(c, lbn, data, o));
}

/** SYNCHRONIZE CACHE(10) that ends in GOOD. */
export function sync(c: Connection, lbn = 0, count = 0, o: CommandShape = {}): void {
  c.status(c.command(sync10(lbn, count), o));
}
