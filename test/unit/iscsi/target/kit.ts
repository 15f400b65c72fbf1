import type {
  DeviceCommand,
  DeviceManagement,
  DeviceOutcome,
  DeviceServer,
  DeviceTask,
  Nexus,
  StoppedTask,
} from '../../../../src/base/device.ts';
import { TargetNode } from '../../../../src/iscsi/target/node.ts';
import type {
  TargetLine,
  TargetOptions,
  TargetOwner,
  TargetRun,
  TargetSpec,
} from '../../../../src/iscsi/target/types.ts';
import type { Bytes } from '../../../kit/link.ts';
import { crc32c, type Header, lunField, pdu, text } from '../../../kit/pdu.ts';

export const TARGET = 'iqn.2024-01.example:disk';
export const INITIATOR = 'iqn.2024-01.example:host';
const BLOCK = 512;

/** A device whose commands do what the test says: READ(10) and WRITE(10) on a memory, and anything else by `script`. */
export class ScriptedDevice implements DeviceServer {
  readonly memory = new Uint8Array(1 << 20);
  readonly open_ = new Map<number, Nexus>();
  readonly closed: number[] = [];
  readonly begun: { nexus: number; tag: number; opcode: number; attribute: string; cdb: Bytes }[] = [];
  readonly orders: DeviceManagement[] = [];
  ended = 0;
  /** What commands of other opcodes take and come to. */
  script: (command: DeviceCommand, cdb: Bytes) => { takes: number; outcome: (out: Bytes) => DeviceOutcome } = () => ({
    takes: 0,
    outcome: () => ({ status: 0 }),
  });
  stops: (order: DeviceManagement) => readonly StoppedTask[] | 'no lun' = () => [];

  open(nexus: Nexus): void {
    this.open_.set(nexus.id, nexus);
  }

  close(nexus: Nexus): void {
    this.open_.delete(nexus.id);
    this.closed.push(nexus.id);
  }

  begin(command: DeviceCommand): DeviceTask {
    const cdb = Uint8Array.from(command.cdb);
    const lun = command.lun[1];
    this.begun.push({
      nexus: command.nexus.id,
      tag: command.tag,
      opcode: cdb[0],
      attribute: command.attribute,
      cdb,
    });
    const offset = new DataView(cdb.buffer).getUint32(2) * BLOCK;
    const length = ((cdb[7] << 8) | cdb[8]) * BLOCK;
    const end = (): void => {
      this.ended++;
    };
    const made = (takes: number, outcome: (out: Bytes) => DeviceOutcome): DeviceTask => ({
      lu: lun,
      takes,
      end,
      *run(parts) {
        yield { kind: 'wait' };
        return outcome(Buffer.concat(parts));
      },
    });
    if (cdb[0] === 0x28) {
      return made(0, () => ({ status: 0, dataIn: [this.memory.subarray(offset, offset + length)] }));
    }
    if (cdb[0] === 0x2a) {
      return made(length, (out) => {
        this.memory.set(out, offset);
        return { status: 0, wanted: length };
      });
    }
    const { takes, outcome } = this.script(command, cdb);
    return made(takes, outcome);
  }

  manage(order: DeviceManagement): readonly StoppedTask[] | 'no lun' {
    this.orders.push(order);
    return this.stops(order);
  }
}

/** One PDU of the target, read apart from the code under test. */
export interface Told {
  opcode: number;
  flags: number;
  two: number;
  three: number;
  lun: Bytes;
  itt: number;
  ttt: number;
  statSn: number;
  expCmdSn: number;
  maxCmdSn: number;
  w36: number;
  w40: number;
  w44: number;
  data: Bytes;
  bhs: Bytes;
}

/** The node under test, its device, and whoever runs the steps. */
export class Bench implements TargetOwner {
  readonly device = new ScriptedDevice();
  readonly node: TargetNode;
  readonly notices: string[] = [];
  readonly runs: TargetRun[] = [];
  readonly stopped: TargetRun[] = [];
  readonly releases: TargetRun[] = [];
  readonly readied = new Set<TargetLine>();
  /** Steps are run at once; else they wait for `go`. */
  eager = true;
  now = 1e9;

  constructor(options: Partial<TargetOptions> = {}, spec: Partial<TargetSpec> = {}) {
    let counter = 0;
    this.node = new TargetNode(
      {
        targets: [{ name: TARGET, device: this.device, ...spec }],
        algorithms: [8, 7, 6, 5],
        random: (length) => Uint8Array.from({ length }, () => (counter++ * 7) & 0xff),
        ...options,
      },
      this,
    );
  }

  run(run: TargetRun): void {
    this.runs.push(run);
    if (this.eager) this.go(run);
  }

  /** Runs its steps to the end. */
  go(run: TargetRun): void {
    this.runs.splice(this.runs.indexOf(run), 1);
    let next = run.steps.next();
    while (!next.done) next = run.steps.next(undefined);
    run.task.end();
    run.done(next.value);
  }

  stop(run: TargetRun): void {
    this.stopped.push(run);
  }

  /** The steps of a run that was stopped have been given up. */
  giveUp(run: TargetRun): void {
    this.runs.splice(this.runs.indexOf(run), 1);
    run.steps.return({ status: 0x40 });
    run.task.end();
    run.done(undefined);
  }

  released(run: TargetRun): void {
    this.releases.push(run);
  }

  ready(line: TargetLine): void {
    this.readied.add(line);
  }

  notice(said: string): void {
    this.notices.push(said);
  }

  connect(address = '10.0.0.7'): Host {
    return new Host(this, address);
  }
}

/** An initiator whose every PDU the test writes. */
export class Host {
  readonly bench: Bench;
  readonly line: TargetLine;
  cmdSn = 100;
  expStatSn = 0;
  cid = 1;
  isid: Bytes = Uint8Array.of(0x80, 1, 2, 3, 4, 5);
  tsih = 0;
  digests: { header?: boolean; data?: boolean } = {};
  #rest: Bytes = new Uint8Array(0);

  constructor(bench: Bench, address: string) {
    this.bench = bench;
    const peer = { address, port: 40000, localAddress: '10.0.0.9', localPort: 3260 };
    const line = bench.node.accept(peer, bench.now);
    if (line === undefined) throw new Error('not accepted');
    this.line = line;
  }

  raw(bytes: Bytes): void {
    this.line.receive(bytes, 0, bytes.length, this.bench.now);
  }

  say(header: Header): void {
    this.raw(pdu(header, this.digests));
  }

  /** A request with the next CmdSN; immediate ones take no turn. */
  ask(header: Header): void {
    const words = { 24: this.cmdSn, 28: this.expStatSn, ...header.words };
    if (!header.immediate) this.cmdSn = (this.cmdSn + 1) >>> 0;
    this.say({ ...header, words });
  }

  /** What the target has sent since the last call, and the kernel has taken. */
  told(): Told[] {
    const buffers = this.line.take();
    const bytes = Buffer.concat([this.#rest, ...buffers]);
    this.line.sent(this.line.taken, this.bench.now);
    this.bench.readied.delete(this.line);
    const all: Told[] = [];
    let at = 0;
    while (at + 48 <= bytes.length) {
      const length = bytes.readUIntBE(at + 5, 3);
      let dataAt = at + 48;
      if (this.digests.header) {
        if (!crc32c(bytes.subarray(at, dataAt)).every((b, i) => b === bytes[dataAt + i]))
          throw new Error('header digest');
        dataAt += 4;
      }
      let end = dataAt + length + (-length & 3);
      if (this.digests.data && length > 0) {
        if (!crc32c(bytes.subarray(dataAt, end)).every((b, i) => b === bytes[end + i])) throw new Error('data digest');
        end += 4;
      }
      const word = (offset: number): number => bytes.readUInt32BE(at + offset);
      const one: Told = {
        opcode: bytes[at] & 0x3f,
        flags: bytes[at + 1],
        two: bytes[at + 2],
        three: bytes[at + 3],
        lun: Uint8Array.from(bytes.subarray(at + 8, at + 16)),
        itt: word(16),
        ttt: word(20),
        statSn: word(24),
        expCmdSn: word(28),
        maxCmdSn: word(32),
        w36: word(36),
        w40: word(40),
        w44: word(44),
        data: Uint8Array.from(bytes.subarray(dataAt, dataAt + length)),
        bhs: Uint8Array.from(bytes.subarray(at, at + 48)),
      };
      all.push(one);
      at = end;
    }
    this.#rest = Uint8Array.from(bytes.subarray(at));
    return all;
  }

  one(): Told {
    const all = this.told();
    if (all.length !== 1) throw new Error(`${all.length} PDUs: ${all.map(({ opcode }) => opcode.toString(16))}`);
    return all[0];
  }

  login(flags: number, keys: Readonly<Record<string, string>> | Bytes, itt = 1): void {
    const lun = Uint8Array.from([...this.isid, this.tsih >> 8, this.tsih & 0xff]);
    const data = keys instanceof Uint8Array ? keys : text(keys);
    const words = { 20: this.cid << 16, 24: this.cmdSn, 28: this.expStatSn };
    this.say({ opcode: 0x03, immediate: true, flags, lun, itt, words, data });
  }

  names(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { InitiatorName: INITIATOR, SessionType: 'Normal', TargetName: TARGET, ...more };
  }

  /** Through the login in one exchange, with these operational keys. */
  in(keys: Readonly<Record<string, string>> = {}, names: Readonly<Record<string, string>> = {}): this {
    this.login(0x87, { ...this.names(names), ...keys });
    const told = this.one();
    if (told.w36 !== 0 || told.flags !== 0x87) throw new Error(`refused: ${told.w36.toString(16)} ${told.flags}`);
    this.tsih = (told.bhs[14] << 8) | told.bhs[15];
    this.expStatSn = told.statSn + 1;
    return this;
  }

  read(itt: number, lbn: number, blocks: number, edtl = blocks * BLOCK, more: Partial<Header> = {}): void {
    this.ask({
      opcode: 1,
      flags: 0xc1,
      itt,
      lun: lunField(0),
      words: { 20: edtl },
      cdb: rw(0x28, lbn, blocks),
      ...more,
    });
  }

  /** A WRITE(10) with immediate data; `flags`: without the final bit, unsolicited data follows. */
  write(itt: number, lbn: number, blocks: number, data: Bytes, flags = 0xa1, edtl = blocks * BLOCK): void {
    this.ask({ opcode: 1, flags, itt, lun: lunField(0), words: { 20: edtl }, cdb: rw(0x2a, lbn, blocks), data });
  }

  dataOut(itt: number, ttt: number, dataSn: number, offset: number, data: Bytes, final: boolean): void {
    this.say({ opcode: 5, flags: final ? 0x80 : 0, itt, words: { 20: ttt, 36: dataSn, 40: offset }, data });
  }

  manage(what: number, itt: number, rtt = 0xffffffff, refCmdSn = 0): void {
    this.ask({ opcode: 2, immediate: true, flags: 0x80 | what, itt, words: { 20: rtt, 32: refCmdSn } });
  }
}

export function rw(opcode: number, lbn: number, blocks: number): Bytes {
  const cdb = new Uint8Array(16);
  cdb[0] = opcode;
  new DataView(cdb.buffer).setUint32(2, lbn);
  cdb[7] = blocks >> 8;
  cdb[8] = blocks;
  return cdb;
}

export function bytes(length: number, seed = 1): Bytes {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >> 8)) & 0xff);
}
