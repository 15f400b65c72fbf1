import assert from 'node:assert/strict';
import { copyOf } from '../../src/base/bytes.ts';
import type { TargetLine } from '../../src/iscsi/target/types.ts';
import type { Bytes } from '../kit/link.ts';
import { type Header, pdu } from '../kit/pdu.ts';
import type { Random } from './random.ts';
import { dataOf, LIMITS, TARGET, TargetWorld } from './targetWorld.ts';

const KEYS = [
  'HeaderDigest',
  'DataDigest',
  'MaxConnections',
  'InitialR2T',
  'ImmediateData',
  'MaxRecvDataSegmentLength',
  'MaxBurstLength',
  'FirstBurstLength',
  'DefaultTime2Wait',
  'DefaultTime2Retain',
  'MaxOutstandingR2T',
  'DataPDUInOrder',
  'ErrorRecoveryLevel',
  'TaskReporting',
  'iSCSIProtocolLevel',
  'SendTargets',
  'AuthMethod',
  'CHAP_A',
  'CHAP_I',
  'CHAP_C',
  'CHAP_N',
  'CHAP_R',
  'TargetName',
  'SessionType',
  'X-key',
];
const VALUES = [
  'Yes',
  'No',
  'None',
  'CRC32C',
  'CRC32C,None',
  'CHAP',
  'CHAP,None',
  '0',
  '1',
  '512',
  '4096',
  '65536',
  '16777215',
  '16777216',
  '0x200',
  '-1',
  '',
  'Reject',
  'All',
  'anna',
  '7',
  '5,6,7,8',
  '0b3q2+7w==',
  '0x00',
  TARGET,
  'Discovery',
];
/** What lets a login through. */
const GOOD: readonly (readonly [string, readonly string[]])[] = [
  ['HeaderDigest', ['CRC32C,None', 'None']],
  ['DataDigest', ['CRC32C,None', 'None']],
  ['MaxConnections', ['1', '2', '8']],
  ['InitialR2T', ['Yes', 'No']],
  ['ImmediateData', ['Yes', 'No']],
  ['MaxRecvDataSegmentLength', ['512', '4096', '262144']],
  ['MaxBurstLength', ['512', '2048', '65536']],
  ['FirstBurstLength', ['512', '1024', '65536']],
  ['MaxOutstandingR2T', ['1', '4']],
];
const OPCODES = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x1c, 0x21, 0x3f];
/** Commands of every kind that the device knows. */
const CDBS = [
  0x00, 0x03, 0x04, 0x08, 0x0a, 0x12, 0x15, 0x16, 0x17, 0x1a, 0x1b, 0x1e, 0x25, 0x28, 0x2a, 0x2e, 0x2f, 0x34, 0x35,
  0x41, 0x42, 0x48, 0x4d, 0x55, 0x56, 0x57, 0x5a, 0x5e, 0x5f, 0x83, 0x84, 0x88, 0x89, 0x8a, 0x8b, 0x8e, 0x8f, 0x90,
  0x91, 0x93, 0x9c, 0x9e, 0xa0, 0xa3, 0xa8, 0xaa, 0xae, 0xaf,
];
const WRITES = new Set([
  0x0a, 0x15, 0x2a, 0x2e, 0x2f, 0x41, 0x42, 0x48, 0x55, 0x5f, 0x83, 0x89, 0x8a, 0x8b, 0x8e, 0x8f, 0x93, 0xaa,
]);
/** Commands whose data is looked at by the test. */
const TRANSFERS = new Set([0x2a, 0x8a]);
const TARGETS = new Set([0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x31, 0x32, 0x3f]);
const NONE = 0xffffffff;
/** Output that one call may add beyond the limits: answers to what one chunk held, headers of data. */
const SLACK = 262144;

/** An R2T that was not answered. */
interface Asked {
  itt: number;
  ttt: number;
  offset: number;
  length: number;
}

/** One hostile or clumsy initiator. */
class Attacker {
  readonly line: TargetLine;
  readonly #world: TargetWorld;
  readonly #random: Random;
  readonly #asked: Asked[] = [];
  readonly #cid: number;
  #isid: number;
  #cmdSn = 1;
  #tsih = 0;
  #in = false;
  #digests: { header?: boolean; data?: boolean } = {};
  #rest: Bytes = new Uint8Array(0);
  #sent = 0;
  over = false;

  constructor(world: TargetWorld, line: TargetLine, random: Random) {
    this.#world = world;
    this.line = line;
    this.#random = random;
    this.#cid = random.below(3);
    this.#isid = random.below(9);
  }

  act(): void {
    const random = this.#random;
    if (!this.#in && !random.chance(6)) {
      if (random.chance(4)) this.#loginText();
      else this.#login();
      return;
    }
    if (random.chance(40)) this.#send(this.#anything(), true);
    else if (random.chance(60)) this.#loginText();
    else if (random.chance(6)) this.#order();
    else if (random.chance(this.#asked.length > 0 ? 2 : 10)) this.#answerR2t();
    else this.#command();
  }

  /** Takes what waits and lets the kernel have some of it. */
  read(): void {
    this.#read();
    this.line.sent(this.line.taken, this.#world.now);
    this.#sent = this.line.taken;
  }

  #login(): void {
    const random = this.#random;
    const keys: [string, string][] = [['InitiatorName', random.chance(6) ? 'iqn.b' : 'iqn.a']];
    if (random.chance(30)) keys.push(['SessionType', 'Discovery']);
    else keys.push(['TargetName', TARGET]);
    for (const [key, values] of GOOD) if (random.chance(3)) keys.push([key, random.pick(values)]);
    if (random.chance(12)) keys.push([random.pick(KEYS), random.pick(VALUES)]);
    this.#tsih = random.chance(30) ? random.below(4) : 0;
    // Another connection of a session that there is, or the same one again.
    if (random.chance(5) && this.#world.known.length > 0) {
      const port = random.pick(this.#world.known);
      this.#isid = port.isid;
      this.#tsih = random.chance(4) ? 0 : port.tsih;
    }
    this.#send(this.#loginPdu(0x87, keys), random.chance(20));
    if (!this.over) this.#read();
  }

  #loginText(): void {
    const random = this.#random;
    const keys: [string, string][] = [];
    for (let n = random.below(6); n > 0; n--) keys.push([random.pick(KEYS), random.pick(VALUES)]);
    this.#send(this.#loginPdu(random.below(256), keys), random.chance(4));
  }

  #loginPdu(flags: number, keys: readonly (readonly [string, string])[]): Bytes {
    const lun = Uint8Array.of(0x80, 0, 0, 0, 0, this.#isid, this.#tsih >> 8, this.#tsih & 0xff);
    const data = Buffer.from(keys.map(([key, value]) => `${key}=${value}\0`).join(''));
    const words = { 20: this.#cid << 16, 24: this.#cmdSn };
    return pdu({ opcode: 3, immediate: true, flags, lun, itt: 1, words, data }, this.#digests);
  }

  #command(): void {
    const random = this.#random;
    const cdb = new Uint8Array(16);
    cdb[0] = random.chance(30) ? random.below(256) : random.pick(random.chance(2) ? [0x28, 0x2a, 0x8a, 0x88] : CDBS);
    for (let n = random.chance(3) ? random.below(6) : 0; n > 0; n--)
      cdb[1 + random.below(15)] = random.chance(2) ? random.below(8) : random.below(256);
    const length = random.pick([0, 512, 512, 1024, 4096, 8192, 255, 24, 1 << 20]);
    const blocks = length >> 9;
    if (cdb[0] === 0x28 || cdb[0] === 0x2a) cdb.set([random.below(64), blocks >> 8, blocks & 0xff], 5);
    if (cdb[0] === 0x88 || cdb[0] === 0x8a) cdb.set([random.below(64), 0, 0, blocks >> 8, blocks & 0xff], 9);
    const itt = random.below(12);
    const sent =
      random.chance(2) || !WRITES.has(cdb[0]) ? 0 : Math.min(8192, random.chance(4) ? random.below(9000) : length);
    const data = TRANSFERS.has(cdb[0]) || random.chance(2) ? dataOf(itt, 0, sent) : this.#bytes(sent);
    const immediate = random.chance(8);
    const header: Header = {
      opcode: 1,
      immediate,
      flags: random.chance(6) ? random.below(256) : flagsOf(cdb[0], random),
      lun: Uint8Array.of(0, random.chance(12) ? random.below(256) : random.below(2), 0, 0, 0, 0, 0, 0),
      itt,
      words: { 20: random.chance(20) ? random.hostile() : length, 24: this.#number(immediate) },
      cdb,
      data,
      ...(random.chance(30) ? { ahs: this.#bytes(random.below(6) * 4) } : {}),
    };
    this.#send(pdu(header, this.#digests), random.chance(40));
  }

  #order(): void {
    const random = this.#random;
    const opcode = random.pick([0x00, 0x02, 0x02, 0x04, 0x06]);
    const immediate = !random.chance(4);
    const ends = opcode === 0x06 && !random.chance(6);
    const header: Header = {
      opcode: ends ? 0 : opcode,
      immediate,
      flags: 0x80 | (opcode === 0x02 ? random.between(1, 9) : opcode === 0x06 ? random.below(3) : 0),
      itt: random.between(20, 30),
      lun: Uint8Array.of(0, random.below(2), 0, 0, 0, 0, 0, 0),
      words: {
        20: opcode === 0x02 ? random.below(12) : random.chance(8) ? random.hostile() : NONE,
        24: this.#number(immediate),
        32: (this.#cmdSn + random.below(5)) >>> 0,
      },
      data: opcode === 0x04 ? Buffer.from(`SendTargets=${random.pick(VALUES)}\0`) : this.#bytes(random.below(40)),
    };
    this.#send(pdu(header, this.#digests), random.chance(30));
  }

  #answerR2t(): void {
    const random = this.#random;
    const asked = this.#asked.shift();
    const { itt, ttt, offset, length } = asked ?? { itt: random.below(12), ttt: NONE, offset: 0, length: 1024 };
    let at = 0;
    let sn = 0;
    do {
      const n = Math.min(length - at, random.pick([512, 4096, 65536]));
      const words = {
        20: random.chance(40) ? random.hostile() : ttt,
        36: random.chance(60) ? random.hostile() : sn++,
        40: random.chance(60) ? random.hostile() : offset + at,
      };
      const final = random.chance(50) ? random.chance(2) : at + n >= length;
      this.#send(
        pdu({ opcode: 5, flags: final ? 0x80 : 0, itt, words, data: dataOf(itt, offset + at, n) }, this.#digests),
        false,
      );
      at += Math.max(n, 1);
    } while (at < length && !this.over);
  }

  #anything(): Bytes {
    const random = this.#random;
    const header: Header = {
      opcode: random.pick(OPCODES),
      immediate: random.chance(2),
      flags: random.below(256),
      itt: random.chance(3) ? random.hostile() : random.below(12),
      words: {
        20: random.hostile(),
        24: this.#number(true),
        32: random.hostile(),
        36: random.hostile(),
        40: random.hostile(),
      },
      data: this.#bytes(random.below(200)),
    };
    return random.chance(4) ? this.#bytes(random.below(300)) : pdu(header, this.#digests);
  }

  /** The next CmdSN, or nearly. */
  #number(immediate: boolean): number {
    const random = this.#random;
    if (random.chance(25)) return (this.#cmdSn + random.between(-2, 9)) >>> 0;
    const number = this.#cmdSn;
    if (!immediate) this.#cmdSn = (this.#cmdSn + 1) >>> 0;
    return number;
  }

  #bytes(length: number): Bytes {
    const bytes = new Uint8Array(length);
    if (length < 600) this.#random.fill(bytes);
    return bytes;
  }

  /** In pieces of any size; `mutated`: with a few bytes changed. */
  #send(sent: Bytes, mutated: boolean): void {
    const random = this.#random;
    const bytes = Uint8Array.from(sent);
    this.#world.mutated ||= mutated;
    if (mutated)
      for (let n = random.between(1, 3); n > 0; n--)
        bytes[random.below(Math.min(64, bytes.length))] = random.below(256);
    let at = 0;
    while (at < bytes.length && !this.line.paused) {
      const n = random.chance(3) ? Math.min(bytes.length - at, random.between(1, 900)) : bytes.length - at;
      // Borrowed: what is kept of it must be a copy.
      const chunk = copyOf(bytes, at, at + n);
      this.line.receive(chunk, 0, n, this.#world.now);
      chunk.fill(0xdb);
      at += n;
      // Other things happen while a PDU is half-way in.
      if (at < bytes.length && random.chance(2)) this.#world.turns(random.below(4));
      if (at < bytes.length && random.chance(2)) this.read();
    }
    if (at < bytes.length) this.#world.mutated = true;
    assert.ok(this.line.taken - this.#sent <= LIMITS.outputBytes + 2 * LIMITS.bytes + SLACK, 'output without bound');
    if (this.line.closing !== 'no') this.end();
  }

  end(): void {
    if (this.over) return;
    this.#read();
    this.over = true;
    this.line.ended();
    this.#world.lines.delete(this.line);
  }

  /** What the target says is iSCSI, whatever it was told. */
  #read(): void {
    const buffers = this.line.take();
    const bytes = Buffer.concat([this.#rest, ...buffers]);
    let at = 0;
    while (at + 48 <= bytes.length) {
      const opcode = bytes[at];
      assert.ok(TARGETS.has(opcode), `opcode ${opcode}`);
      const length = bytes.readUIntBE(at + 5, 3);
      const digests = (this.#digests.header ? 4 : 0) + (this.#digests.data && length > 0 ? 4 : 0);
      const dataAt = at + 48 + (this.#digests.header ? 4 : 0);
      const end = at + 48 + length + (-length & 3) + digests;
      if (end > bytes.length) break;
      if (opcode === 0x23) this.#loggedIn(bytes.subarray(at, at + 48), bytes.subarray(dataAt, dataAt + length));
      if (opcode === 0x31) {
        const [itt, ttt] = [bytes.readUInt32BE(at + 16), bytes.readUInt32BE(at + 20)];
        this.#asked.push({ itt, ttt, offset: bytes.readUInt32BE(at + 40), length: bytes.readUInt32BE(at + 44) });
      }
      at = end;
    }
    this.#rest = Uint8Array.from(bytes.subarray(at));
  }

  #loggedIn(header: Buffer, data: Buffer): void {
    if (header.readUInt16BE(36) !== 0 || (header[1] & 0x83) !== 0x83) return;
    this.#in = true;
    this.#tsih = header.readUInt16BE(14);
    this.#world.known.push({ isid: this.#isid, tsih: this.#tsih });
    const keys = data.toString('latin1');
    this.#digests = { header: keys.includes('HeaderDigest=CRC32C'), data: keys.includes('DataDigest=CRC32C') };
  }
}

function flagsOf(opcode: number, random: Random): number {
  return (WRITES.has(opcode) ? (random.chance(4) ? 0x20 : 0xa0) : 0xc0) | random.pick([0, 1, 1, 1, 2, 3]);
}

/** Hostile logins, PDUs, text and commands at a target with a device behind it: nothing throws, leaks, or gets in (H5, A5). */
export function targetCase(random: Random): void {
  const auth = random.chance(4);
  const world = new TargetWorld(random, auth);
  const attackers: Attacker[] = [];
  for (let n = random.between(5, random.pick([12, 24, 36, 150])); n > 0; n--) {
    if (attackers.length === 0 || attackers.every(({ over }) => over) || random.chance(20)) {
      const line = world.node.accept(
        { address: '10.0.0.7', port: 1, localAddress: '10.0.0.9', localPort: 3260 },
        world.now,
      );
      if (line) {
        world.lines.add(line);
        attackers.push(new Attacker(world, line, random));
      }
    }
    const alive = attackers.filter(({ over }) => !over);
    const attacker = random.pick(alive.length > 0 ? alive : attackers);
    if (!attacker.over) attacker.act();
    if (!attacker.over && random.chance(2)) attacker.read();
    if (random.chance(2)) world.turns(random.below(6));
    if (random.chance(20)) {
      world.now += random.pick([1e8, 1e8, 1e9, 1e9, 1e9, 2e10, 7e10]);
      world.node.tick(world.now);
    }
    if (random.chance(400)) world.node.stop(1);
    if (random.chance(100)) attacker.end();
    for (const each of attackers) if (!each.over && each.line.closing === 'reset') each.end();
    assert.ok(world.node.bytes <= 2 * LIMITS.bytes, 'data beyond the limit');
    assert.ok(world.node.waitingBytes <= LIMITS.unsolicitedBytes, 'unsolicited data beyond the limit');
  }
  for (const attacker of attackers) attacker.end();
  world.node.dropAll();
  world.settle();
  assert.equal(world.active, 0, 'a task that does not end');
  assert.deepEqual(
    {
      idle: world.node.idle,
      bytes: world.node.bytes,
      waiting: world.node.waitingBytes,
      connections: world.node.connections,
    },
    { idle: true, bytes: 0, waiting: 0, connections: 0 },
  );
  assert.deepEqual([world.ended, world.releases, world.closed], [world.begun, world.runs, world.opened]);
  if (auth) assert.deepEqual([world.begun, world.opened], [0, 0], 'somebody is in who proved nothing');
}
