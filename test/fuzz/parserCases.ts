import assert from 'node:assert/strict';
import { BHS_BYTES } from '../../parsers/iscsi/opcodes.ts';
import { PduSplitter } from '../../parsers/iscsi/splitter.ts';
import { parseText } from '../../parsers/iscsi/text.ts';
import { FrameDecoder } from '../../parsers/net/decoder.ts';
import { parseCapacity10, parseCapacity16 } from '../../parsers/scsi/capacity.ts';
import { newCdb, parseCdb } from '../../parsers/scsi/cdb.ts';
import { parseCopyLid1, parseCopyLid4, parseWriteUsingToken } from '../../parsers/scsi/copy.ts';
import { designatorWords, globallyUnique, parseDesignators } from '../../parsers/scsi/designator.ts';
import { parseBlockLimits, parseInquiry, parseProvisioning, parseSerialNumber } from '../../parsers/scsi/inquiry.ts';
import { lunNumber, lunWords } from '../../parsers/scsi/lun.ts';
import { parseModeSelect6, parseModeSelect10, parseModeSense6, parseModeSense10 } from '../../parsers/scsi/mode.ts';
import { parseReassign } from '../../parsers/scsi/reassign.ts';
import { parseScattered } from '../../parsers/scsi/scattered.ts';
import { parseSense, senseWords } from '../../parsers/scsi/sense.ts';
import { parseUnmap } from '../../parsers/scsi/unmap.ts';
import { isParseFault, type ParseFault } from '../../src/base/fault.ts';
import type { Random } from './random.ts';
import type { Window } from './windows.ts';
import { put16, put32 } from './wire.ts';

type Parser = (bytes: Uint8Array, offset: number, length: number) => unknown;

const SCSI: readonly Parser[] = [
  parseCapacity10,
  parseCapacity16,
  parseCopyLid1,
  parseCopyLid4,
  parseWriteUsingToken,
  parseInquiry,
  parseSerialNumber,
  parseBlockLimits,
  parseProvisioning,
  parseModeSense6,
  parseModeSense10,
  parseModeSelect6,
  parseModeSelect10,
  parseUnmap,
  (b, o, n) => parseScattered(b, o, n, n > 0 ? b[o] : 0),
  (b, o, n) => parseReassign(b, o, n, n > 0 && (b[o] & 1) !== 0, n > 0 && (b[o] & 2) !== 0),
  (b, o, n) => {
    const sense = parseSense(b, o, n);
    if (!isParseFault(sense)) assert.equal(typeof senseWords(sense), 'string');
    return sense;
  },
  (b, o, n) => {
    const found = parseDesignators(b, o, n);
    if (!isParseFault(found))
      for (const d of found) assert.equal(typeof (designatorWords(d) + globallyUnique(d)), 'string');
    return found;
  },
];

const PAD = 64;
const room = new Uint8Array(PAD * 2 + 1024);
const cdb = newCdb();

/** Every parser of SCSI bytes: a value whose numbers are safe, or a fault that lies within the bytes (H5). */
export function scsiCase(random: Random): void {
  // What lies around the bytes is all ones: a read beyond them shows as a value that differs.
  const length = random.chance(8) ? random.below(1024) : random.below(96);
  room.fill(0xff, 0, PAD + length + PAD);
  if (random.chance(2)) random.fill(room, PAD, PAD + length);
  else {
    room.fill(0, PAD, PAD + length);
    for (let n = random.between(1, 8); n > 0 && length > 4; n--) {
      const at = PAD + random.below(length - 3);
      if (random.chance(2)) put16(room, at, random.hostile() & 0xffff);
      else put32(room, at, random.hostile());
    }
  }
  if (random.chance(4) && length >= 16) {
    parseCdb(room, PAD, length, cdb);
    safe(cdb.lbn, cdb.blocks, cdb.allocationLength, cdb.parameterListLength);
    return;
  }
  if (random.chance(20) && length >= 8) {
    const lun = lunNumber(room, PAD);
    assert.ok(lun === undefined || Number.isSafeInteger(lun));
    assert.equal(typeof lunWords(room, PAD), 'string');
    return;
  }
  const parse = random.pick(SCSI);
  const first = parse(room, PAD, length);
  if (isParseFault(first)) assertFault(first, PAD, PAD + length);
  else numbers(first);
  room.fill(0x5a, 0, PAD);
  room.fill(0x5a, PAD + length, PAD + length + PAD);
  assert.deepEqual(parse(room, PAD, length), first, `${parse.name} reads beyond its bytes`);
}

function assertFault(fault: ParseFault, from: number, to: number): void {
  assert.ok(fault.offset >= 0 && fault.offset <= to, `a fault at ${fault.offset}, outside of ${from} to ${to}`);
  assert.ok(fault.reason.length > 0, 'a fault without a reason');
}

function safe(...values: readonly number[]): void {
  for (const value of values) assert.ok(Number.isSafeInteger(value), `${value} is no safe integer`);
}

/** Every number in a parsed value is one that arithmetic on bytes can hold. */
function numbers(value: unknown): void {
  if (typeof value === 'number') safe(value);
  else if (Array.isArray(value)) for (const one of value) numbers(one);
  else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    for (const one of Object.values(value)) numbers(one);
  }
}

const decoder = new FrameDecoder();
const frame = new Uint8Array(4096);
const LINKS = [0, 1, 12, 101, 108, 113, 228, 229, 276, 65535];

/** Any bytes as a frame of any link type: what is found lies within the frame. */
export function frameCase(random: Random, choice: readonly Window[]): void {
  const w = random.pick(choice);
  const i = random.below(w.count);
  const length = Math.min(w.length[i], 2000);
  frame.set(w.arena.subarray(w.offset[i], w.offset[i] + length), 32);
  for (let n = random.below(6); n > 0 && length > 0; n--)
    frame[32 + random.below(Math.min(length, 80))] = random.word();
  if (random.chance(4)) random.fill(frame, 32, 32 + random.below(length + 1));
  const captured = random.chance(3) ? random.below(length + 1) : length;
  const wire = random.chance(6) ? random.hostile() : length;
  decoder.verifyIp = random.chance(2);
  if (!decoder.decode(frame, 32, captured, wire, random.chance(4) ? random.pick(LINKS) : w.link)) return;
  const d = decoder;
  const [from, to] = d.transient ? [0, d.bytes.length] : [32, 32 + captured];
  const size = d.v6 ? 16 : 4;
  for (const at of [d.srcOffset, d.dstOffset]) assert.ok(at >= from && at + size <= to, `an address at ${at}`);
  assert.ok(d.tcpOffset >= from && d.tcpOffset + 20 <= d.payloadOffset, `TCP at ${d.tcpOffset}`);
  assert.ok(d.payloadCaptured >= 0 && d.payloadOffset + d.payloadCaptured <= to, 'payload outside of the frame');
  assert.ok(d.payloadCaptured <= d.payloadLength && d.payloadLength <= 1 << 20, `${d.payloadLength} bytes of payload`);
}

interface Cut {
  events: string[];
  position: number;
}

/** The PDUs of a stream do not depend on how its bytes come in pieces. */
export function pduCase(random: Random): void {
  const stream = pduStream(random);
  const toTarget = random.chance(2);
  const digests = { header: random.chance(4), data: random.pick([false, false, true, undefined]) };
  const whole = cut(stream, toTarget, digests, () => stream.length);
  const parts = cut(stream, toTarget, digests, () => random.between(1, random.chance(4) ? 400 : 60));
  assert.deepEqual(parts, whole, 'another chunking gives other PDUs');
}

function pduStream(random: Random): Uint8Array {
  const out = new Uint8Array(random.between(0, 1500));
  for (let at = 0; at + BHS_BYTES <= out.length; ) {
    random.fill(out, at + 8, at + BHS_BYTES);
    out[at] = random.pick([0x01, 0x41, 0x05, 0x21, 0x25, 0x31, 0x20, 0x00]);
    out[at + 4] = random.chance(6) ? random.below(4) : 0;
    const data = random.chance(2) ? random.below(300) : 0;
    put16(out, at + 6, random.chance(20) ? random.hostile() & 0xffff : data);
    at += BHS_BYTES + out[at + 4] * 4 + ((data + 3) & ~3);
  }
  return out;
}

function cut(
  stream: Uint8Array,
  toTarget: boolean,
  digests: { header: boolean; data: boolean | undefined },
  size: () => number,
): Cut {
  const events: string[] = [];
  let data = 0;
  const splitter = new PduSplitter(
    {
      header: (pdu) => {
        pdu.want = true;
        data = 0;
        events.push(`${pdu.opcode} ${pdu.ahsBytes} ${pdu.dataLength} at ${pdu.start}`);
      },
      data: (_pdu, _bytes, _offset, length, at) => {
        assert.equal(at, data, 'data out of order');
        data += length;
      },
      dataHole: () => {},
      instead: () => {},
      end: (_pdu, verdict) => events.push(`${data} bytes, digest ${verdict}`),
    },
    toTarget,
  );
  splitter.headerDigest = digests.header;
  splitter.dataDigest = digests.data;
  for (let at = 0; at < stream.length && !splitter.lost; ) {
    const n = Math.min(size(), stream.length - at);
    at += splitter.bytes(stream, at, n);
  }
  if (splitter.lost) events.push(`lost at ${splitter.start}`);
  return { events, position: splitter.lost ? splitter.start : splitter.position };
}

export function textCase(random: Random): void {
  const bytes = new Uint8Array(random.below(400));
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.pick([0, 0x3d, 0x41, 0x2c, 0x7e, 0xff, random.below(256)]);
  for (const [key, value] of parseText(bytes)) {
    assert.ok(key.length > 0 && !key.includes('=') && !key.includes('\0') && !value.includes('\0'), 'a torn pair');
  }
}
