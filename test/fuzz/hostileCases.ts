import { Op } from '../../parsers/iscsi/opcodes.ts';
import type { Random } from './random.ts';
import { type Delivery, runBus } from './runBus.ts';
import type { Scenario } from './scenario.ts';
import type { Window } from './windows.ts';
import { get32, put16, put32, sealIp, sealTcp } from './wire.ts';
import { fragment, wrap, wrapAll } from './wrap.ts';

/**
 * Anything at all on the bus: fields of every layer set to hostile values, most often with checksums that fit, foreign and
 * random frames, tunnels in tunnels, contradictory fragments, clocks that jump. What must hold is in `runBus`.
 */
export function hostileCase(random: Random, scenario: Scenario, choice: readonly Window[]): void {
  const w = random.pick(choice);
  scenario.begin(w);
  for (let n = random.chance(3) ? 1 : random.between(2, 12); n > 0 && scenario.count > 1; n--)
    change(random, scenario, choice);
  const delivery: Delivery = {
    room: random.pick(['ample', 'ample', 'scarce', 'none'] as const),
    run: random.chance(3) ? random.between(1, 40) : 0,
    scrub: random.chance(8),
    applies: false,
    claims: random.chance(4) ? [] : random.chance(4) ? random.pick(choice).claims : w.claims,
  };
  runBus(scenario.batch, delivery);
}

function change(random: Random, scenario: Scenario, choice: readonly Window[]): void {
  const i = random.below(scenario.count);
  switch (random.below(12)) {
    case 0:
      scatter(random, scenario, i);
      break;
    case 1:
      netField(random, scenario, i);
      break;
    case 2:
    case 3:
    case 4:
    case 5:
      pduField(random, scenario);
      break;
    case 6:
      tcpField(random, scenario, i);
      break;
    case 7:
      order(random, scenario, i);
      break;
    case 8:
      foreign(random, scenario, i, choice);
      break;
    case 9:
      clock(random, scenario, i);
      break;
    case 10:
      nest(random, scenario, i);
      break;
    default:
      fragments(random, scenario, i);
  }
}

/** Bits, bytes or a run of bytes anywhere. */
function scatter(random: Random, scenario: Scenario, i: number): void {
  const { batch } = scenario;
  const o = scenario.own(i);
  const length = batch.captured[i];
  if (o < 0 || length === 0) return;
  const from = random.below(length);
  const kind = random.below(3);
  if (kind === 0) batch.bytes[o + from] ^= 1 << random.below(8);
  else if (kind === 1) random.fill(batch.bytes, o + from, o + Math.min(length, from + random.between(1, 64)));
  else batch.bytes.fill(random.pick([0, 0xff, 0x41]), o + from, o + Math.min(length, from + random.between(1, 600)));
  scenario.note(`frame at ${i}: bytes from ${from} on`);
  seal(random, scenario, i, o);
}

/** Checksums that fit, mostly, so that the change gets past them. */
function seal(random: Random, scenario: Scenario, i: number, o: number): void {
  const l = scenario.window.layers[Math.max(0, scenario.origin[i])];
  if (l === undefined || scenario.origin[i] < 0 || random.chance(8)) return;
  const { bytes, captured } = scenario.batch;
  if (captured[i] < l.ipEnd) return;
  if ((bytes[o + l.ip] & 15) === 5) sealIp(bytes, o + l.ip);
  sealTcp(bytes, o + l.ip, o + l.tcp, l.ipEnd - l.tcp);
}

const NET: [at: number, bytes: 1 | 2][] = [
  [12, 2], // EtherType
  [14, 1], // version, header length
  [16, 2], // total length
  [18, 2],
  [20, 2], // flags, fragment offset
  [23, 1], // protocol
  [26, 2],
  [30, 2],
];

function netField(random: Random, scenario: Scenario, i: number): void {
  const { batch } = scenario;
  const o = scenario.own(i);
  if (o < 0 || batch.captured[i] < 34) return;
  const [at, bytes] = random.pick(NET);
  const value =
    at === 12 && random.chance(2) ? random.pick([0x8100, 0x88a8, 0x86dd, 0x0806, 0x8864]) : random.hostile();
  if (bytes === 1) batch.bytes[o + at] = value;
  else put16(batch.bytes, o + at, value & 0xffff);
  scenario.note(`frame at ${i}: net field ${at} = ${value}`);
  const header = (batch.bytes[o + 14] & 15) << 2;
  if (at > 12 && header >= 20 && 14 + header <= batch.captured[i] && !random.chance(8)) sealIp(batch.bytes, o + 14);
}

function tcpField(random: Random, scenario: Scenario, i: number): void {
  const { batch, window: w } = scenario;
  const l = w.layers[Math.max(0, scenario.origin[i])];
  const o = l === undefined || batch.captured[i] < l.ipEnd ? -1 : scenario.own(i);
  if (l === undefined || o < 0) return;
  const b = batch.bytes;
  const field = random.pick([0, 2, 4, 4, 8, 8, 12, 13, 13]);
  if (field === 4 || field === 8) {
    const near = random.between(-3000, 3000);
    put32(b, o + l.tcp + field, random.chance(3) ? random.hostile() : (get32(b, o + l.tcp + field) + near) >>> 0);
  } else if (field < 4) put16(b, o + l.tcp + field, random.chance(2) ? 3260 : random.hostile() & 0xffff);
  else b[o + l.tcp + field] = random.word();
  scenario.note(`frame at ${i}: tcp field ${field}`);
  seal(random, scenario, i, o);
}

/** Fields of a basic header segment (RFC 7143 section 11) and of what follows it. */
function pduField(random: Random, scenario: Scenario): void {
  const { batch, window: w } = scenario;
  const inside = w.pdus.filter((p) => p.at >= 0);
  if (inside.length === 0) return;
  const pdu = random.pick(inside);
  let i = -1;
  for (let k = 0; k < scenario.count; k++) if (scenario.origin[k] === pdu.frame) i = k;
  if (i < 0 || batch.captured[i] < pdu.at + 48) return;
  const o = scenario.own(i);
  if (o < 0) return;
  const b = batch.bytes;
  const at = o + pdu.at;
  const end = o + batch.captured[i];
  const field = random.below(12);
  if (field === 0) b[at] = random.chance(2) ? random.pick(Object.values(Op)) : random.word();
  else if (field === 1) b[at + 1] = random.word();
  else if (field === 2) b[at + 4] = random.chance(2) ? random.below(8) : random.word();
  else if (field === 3) {
    b[at + 5] = random.chance(3) ? random.word() : 0;
    put16(b, at + 6, random.hostile() & 0xffff);
  } else if (field === 4) random.fill(b, at + 8, at + 8 + random.between(1, 8));
  else if (field === 5) put32(b, at + 16, random.chance(2) ? random.pick(w.pdus).itt : random.hostile());
  else if (field <= 8) {
    // TTT, EDTL; CmdSN, StatSN; ExpStatSN, ExpCmdSN; MaxCmdSN; DataSN; BufferOffset, R2TSN; residual counts.
    const word = at + random.pick([20, 24, 28, 32, 36, 40, 44]);
    put32(b, word, random.chance(2) ? random.hostile() : (get32(b, word) + random.between(-4, 4)) >>> 0);
  } else if (field === 9) {
    b[at + 32] = random.word();
    if (random.chance(2)) random.fill(b, at + 33, at + 48);
  } else if (field === 10) cdbField(random, b, at + 32);
  else {
    // The data segment: text of a login, sense data, parameter lists, answers.
    const from = at + 48 + random.below(64);
    if (from < end) random.fill(b, from, Math.min(end, from + random.between(1, 16)));
  }
  scenario.note(`frame at ${i}: PDU ${pdu.opcode.toString(16)} at ${pdu.at}, field ${field}`);
  seal(random, scenario, i, o);
}

const OPCODES = [
  0x04, 0x07, 0x08, 0x0a, 0x12, 0x25, 0x28, 0x2a, 0x2e, 0x35, 0x3f, 0x41, 0x42, 0x48, 0x53, 0x7e, 0x7f, 0x83, 0x88,
  0x89, 0x8a, 0x8b, 0x8e, 0x91, 0x93, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xaa, 0xae, 0xc0, 0xff,
];

/** Another command, its LBN and its length at the edges. */
function cdbField(random: Random, b: Uint8Array, at: number): void {
  if (random.chance(2)) b[at] = random.pick(OPCODES);
  if (random.chance(2)) b[at + 1] = random.word();
  if (random.chance(2)) put32(b, at + 2, random.hostile());
  if (random.chance(2)) put32(b, at + 6, random.hostile());
  if (random.chance(2)) put32(b, at + 10, random.hostile());
}

function order(random: Random, scenario: Scenario, i: number): void {
  const { batch } = scenario;
  const to = random.below(scenario.count);
  const kind = random.below(4);
  if (kind === 0) scenario.drop(i);
  else if (kind === 1) scenario.move(i, to);
  else if (kind === 2) for (let n = random.between(1, 20); n > 0 && scenario.repeat(i, i); n--);
  else {
    batch.captured[i] = random.below(batch.captured[i] + 1);
    if (random.chance(4)) batch.wire[i] = random.hostile();
  }
  scenario.note(`frame at ${i}: order ${kind} ${to}`);
}

/** A frame of another capture, or one of nothing but noise. */
function foreign(random: Random, scenario: Scenario, i: number, choice: readonly Window[]): void {
  const { batch } = scenario;
  const other = random.pick(choice);
  for (let n = random.chance(2) ? 1 : random.between(2, 12), from = random.below(other.count); n > 0; n--, from++) {
    const noise = random.chance(4);
    const length = noise ? random.below(300) : other.length[from % other.count];
    const at = scenario.room(length);
    if (at < 0 || !scenario.repeat(i, i)) return;
    if (noise) random.fill(batch.bytes, at, at + length);
    else {
      const o = other.offset[from % other.count];
      batch.bytes.set(other.arena.subarray(o, o + length), at);
    }
    scenario.origin[i] = -1;
    batch.offset[i] = at;
    batch.captured[i] = length;
    batch.wire[i] = random.chance(16) ? random.hostile() : length;
    batch.link[i] =
      noise && random.chance(2) ? random.pick([0, 1, 12, 101, 108, 113, 228, 229, 276, 9999]) : other.link;
  }
  scenario.note(`foreign frames at ${i}`);
}

function clock(random: Random, scenario: Scenario, i: number): void {
  const { seconds, nanos, count } = scenario.batch;
  const jump = random.pick([-1e9, -1000, -1, 1, 31, 3600, 1e9, 0xffffffff]);
  const to = random.chance(2) ? count : i + 1;
  for (let k = i; k < to; k++) seconds[k] = Math.max(0, seconds[k] + jump);
  if (random.chance(4)) nanos[i] = random.below(1_000_000_000);
  scenario.note(`clock at ${i}: ${jump} s`);
}

function nest(random: Random, scenario: Scenario, i: number): void {
  if (random.chance(8)) {
    wrapAll(random, scenario);
    return;
  }
  for (let n = random.between(1, 7); n > 0; n--) wrap(scenario, i, random.below(3));
  if (random.chance(3)) scatter(random, scenario, i);
  scenario.note(`tunnels at ${i}`);
}

/** Fragments that overlap, contradict each other, go beyond the end, or never become whole. */
function fragments(random: Random, scenario: Scenario, i: number): void {
  const { batch } = scenario;
  const pieces = fragment(scenario, i, random.pick([8, 64, 256, 512]), random.below(4));
  if (pieces < 2) return;
  for (let n = random.between(0, 4); n > 0; n--) {
    const k = i + random.below(pieces);
    if (k >= scenario.count) return;
    const o = scenario.own(k);
    if (o < 0) return;
    const kind = random.below(4);
    if (kind === 0) put16(batch.bytes, o + 20, random.hostile() & 0xffff);
    else if (kind === 1) random.fill(batch.bytes, o + 34, o + Math.min(batch.captured[k], 50));
    else if (kind === 2) put16(batch.bytes, o + 16, random.hostile() & 0xffff);
    else scenario.repeat(k, i + random.below(pieces));
    sealIp(batch.bytes, o + 14);
  }
  scenario.note(`${pieces} fragments at ${i}`);
}
