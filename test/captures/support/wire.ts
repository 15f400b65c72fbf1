import { newCdb, parseCdb } from '../../../parsers/scsi/cdb.ts';
import { Extents } from '../../../src/base/extents.ts';
import { segmentOf } from './derive.ts';
import type { Frame } from './frames.ts';

/**
 * A second, simple reader of lossless captures: which PDUs lie in which frame, and which blocks their commands write. It
 * shares nothing with the product but the headers of frames and CDBs, so that what a loss may cost is not measured with
 * the product's own stick.
 */
export interface WirePdu {
  toTarget: boolean;
  opcode: number;
  itt: number;
  command: WireCommand | undefined;
  /** Carries a status. */
  status: boolean;
  /** Header and data in the stream. */
  from: number;
  headerEnd: number;
  to: number;
  /** Frames with a byte of it, and with a byte of its header. */
  frames: Set<number>;
  headerIn: Set<number>;
}

export interface WireCommand {
  lun: number;
  target: string;
  write: boolean;
  read: boolean;
  mutates: boolean;
  opcode: number;
  /** Blocks [first, end) pairs. */
  blocks: number[];
  openFrame: number;
  endFrame: number;
}

export interface FrameUse {
  index: number;
  kind: 'other' | 'syn' | 'ack' | 'fin' | 'rst' | 'data';
  toTarget: boolean;
  pdus: WirePdu[];
}

interface Direction {
  bytes: Uint8Array;
  frameAt: Int32Array;
  have: number;
  start: number;
}

const OPCODES: Record<number, string> = {
  0: 'NOP-Out',
  1: 'command',
  2: 'TMF',
  3: 'Login',
  4: 'Text',
  5: 'Data-Out',
  6: 'Logout',
  32: 'NOP-In',
  33: 'Response',
  34: 'TMF-Response',
  35: 'Login-Response',
  36: 'Text-Response',
  37: 'Data-In',
  38: 'Logout-Response',
  49: 'R2T',
  50: 'Async',
  63: 'Reject',
};

/** A PDU in words: its kind, with the nature of its command. */
export function pduName(pdu: WirePdu): string {
  const kind = OPCODES[pdu.opcode] ?? `opcode ${pdu.opcode}`;
  const { command } = pdu;
  if (command === undefined) return kind;
  const nature = command.mutates ? 'write' : command.read ? 'read' : 'control';
  return `${nature} ${kind}${pdu.opcode === 0x25 && pdu.status ? '+status' : ''}`;
}

/** Reads all connections of a capture. */
export function mapWire(frames: readonly Frame[]): FrameUse[] {
  const uses: FrameUse[] = [];
  const flows = new Map<
    string,
    {
      segments: { index: number; forward: boolean; seq: number; length: number }[];
      isn: [number, number];
      opener: boolean;
    }
  >();
  frames.forEach((frame, index) => {
    const s = segmentOf(frame);
    const use: FrameUse = { index, kind: 'other', toTarget: false, pdus: [] };
    uses.push(use);
    if (s === undefined) return;
    use.kind = s.flags & 2 ? 'syn' : s.flags & 4 ? 'rst' : s.flags & 1 ? 'fin' : s.payloadLength > 0 ? 'data' : 'ack';
    let flow = flows.get(s.flow);
    if (flow === undefined || ((s.flags & 0x12) === 2 && flow.isn[s.forward ? 0 : 1] !== s.seq)) {
      if (flow !== undefined) flows.set(`${s.flow} ${index}`, flow);
      flow = { segments: [], isn: [-1, -1], opener: s.forward };
      flows.set(s.flow, flow);
    }
    if (s.flags & 2) {
      flow.isn[s.forward ? 0 : 1] = s.seq;
      if ((s.flags & 0x10) === 0) flow.opener = s.forward;
      return;
    }
    use.toTarget = s.forward === flow.opener;
    flow.segments.push({ index, forward: s.forward, seq: s.seq, length: s.payloadLength });
  });
  for (const flow of flows.values()) mapFlow(frames, uses, flow);
  return uses;
}

type Flow = {
  segments: { index: number; forward: boolean; seq: number; length: number }[];
  isn: [number, number];
  opener: boolean;
};

function mapFlow(frames: readonly Frame[], uses: FrameUse[], flow: Flow): void {
  if (flow.isn[0] < 0 || flow.isn[1] < 0) return;
  const host = assemble(frames, flow, flow.opener);
  const target = assemble(frames, flow, !flow.opener);
  const keys = latin(host, 0, 8192) + latin(target, 0, 8192);
  const crc = (key: string): boolean => new RegExp(`${key}=CRC32C[^,]*\\0`).test(latin(target, 0, 8192));
  const name = /TargetName=([^\0]+)/.exec(keys)?.[1] ?? '';
  const digests = { header: crc('HeaderDigest') ? 4 : 0, data: crc('DataDigest') ? 4 : 0 };
  const commands = new Map<number, WireCommand[]>();
  const pdus: WirePdu[] = [];
  walk(host, true, digests, (pdu, at) => {
    const { bytes } = host;
    const view = new DataView(bytes.buffer);
    if (pdu.opcode === 1) {
      const command = commandOf(bytes, view, at, name, pdu);
      const list = commands.get(pdu.itt);
      if (list === undefined) commands.set(pdu.itt, [command]);
      else list.push(command);
      command.openFrame = host.frameAt[at];
    }
    if (pdu.opcode === 1 || pdu.opcode === 5) pdu.command = commands.get(pdu.itt)?.at(-1);
    pdus.push(pdu);
  });
  const answered = new Map<number, number>();
  walk(target, false, digests, (pdu) => {
    const nth = answered.get(pdu.itt) ?? 0;
    if ([0x21, 0x25, 0x31].includes(pdu.opcode)) pdu.command = commands.get(pdu.itt)?.[nth];
    if (pdu.status) {
      answered.set(pdu.itt, nth + 1);
      if (pdu.command !== undefined) pdu.command.endFrame = target.frameAt[pdu.from];
    }
    pdus.push(pdu);
  });
  // Every frame that carries a byte of the PDU, copies included.
  for (const side of [flow.opener, !flow.opener]) {
    const toTarget = side === flow.opener;
    const mine = pdus.filter((p) => p.toTarget === toTarget);
    const start = (flow.isn[side ? 0 : 1] + 1) >>> 0;
    for (const s of flow.segments) {
      if (s.forward !== side || s.length === 0) continue;
      const from = (s.seq - start) | 0;
      for (const pdu of mine) {
        if (pdu.from < from + s.length && pdu.to > from) {
          uses[s.index].pdus.push(pdu);
          pdu.frames.add(s.index);
          if (pdu.headerEnd > from) pdu.headerIn.add(s.index);
        }
      }
    }
  }
}

function commandOf(bytes: Uint8Array, view: DataView, at: number, target: string, pdu: WirePdu): WireCommand {
  const cdb = newCdb();
  const ahs = bytes[at + 4] * 4;
  if (ahs > 0 && bytes[at + 50] === 1) {
    const long = new Uint8Array(260);
    long.set(bytes.subarray(at + 32, at + 48));
    const length = view.getUint16(at + 48);
    long.set(bytes.subarray(at + 52, at + 51 + length), 16);
    parseCdb(long, 0, 15 + length, cdb);
  } else parseCdb(bytes, at + 32, 16, cdb);
  const blocks: number[] = [];
  const mutates = cdb.operation.nature === 'write';
  if (mutates && cdb.opcode === 0x42) {
    // UNMAP's descriptors (SBC-4 section 5.35).
    const list = pdu.headerEnd;
    const length = view.getUint16(list + 2);
    for (let d = list + 8; d + 16 <= list + 8 + length; d += 16) {
      const lbn = Number(view.getBigUint64(d));
      blocks.push(lbn, lbn + view.getUint32(d + 8));
    }
  } else if (mutates && cdb.blocks > 0) blocks.push(cdb.lbn, cdb.lbn + cdb.blocks);
  return {
    lun: view.getUint16(at + 8) & 0x3fff,
    target,
    write: (bytes[at + 1] & 0x20) !== 0,
    read: (bytes[at + 1] & 0x40) !== 0,
    mutates,
    opcode: cdb.opcode,
    blocks,
    openFrame: 0,
    endFrame: Number.POSITIVE_INFINITY,
  };
}

function assemble(frames: readonly Frame[], flow: Flow, forward: boolean): Direction {
  const start = (flow.isn[forward ? 0 : 1] + 1) >>> 0;
  const mine = flow.segments.filter((s) => s.forward === forward && s.length > 0);
  const size = mine.reduce((most, s) => Math.max(most, ((s.seq - start) | 0) + s.length), 0);
  const bytes = new Uint8Array(size);
  const frameAt = new Int32Array(size).fill(-1);
  for (const { index, seq, length } of mine) {
    const at = (seq - start) | 0;
    if (at < 0 || frameAt[at] >= 0) continue;
    const frame = frames[index];
    const from = frame.offset + (segmentOf(frame)?.payload ?? 0);
    bytes.set(frame.buffer.subarray(from, from + length), at);
    frameAt.fill(index, at, at + length);
  }
  return { bytes, frameAt, have: size, start };
}

function walk(
  { bytes, have }: Direction,
  toTarget: boolean,
  digests: { header: number; data: number },
  each: (pdu: WirePdu, at: number) => void,
): void {
  const view = new DataView(bytes.buffer);
  let full = false;
  for (let at = 0; at + 48 <= have; ) {
    const opcode = bytes[at] & 0x3f;
    const login = opcode === 3 || opcode === 0x23;
    full ||= !login;
    const headerEnd = at + 48 + bytes[at + 4] * 4 + (full ? digests.header : 0);
    const data = view.getUint32(at + 4) & 0xffffff;
    const to = headerEnd + ((data + 3) & ~3) + (full && data > 0 ? digests.data : 0);
    const status = opcode === 0x21 || (opcode === 0x25 && (bytes[at + 1] & 1) !== 0);
    each(
      {
        toTarget,
        opcode,
        itt: view.getUint32(at + 16),
        command: undefined,
        status,
        from: at,
        headerEnd,
        to,
        frames: new Set(),
        headerIn: new Set(),
      },
      at,
    );
    at = to;
  }
}

function latin({ bytes, have }: Direction, from: number, to: number): string {
  return Buffer.from(bytes.buffer, from, Math.max(0, Math.min(to, have) - from)).toString('latin1');
}

/** All blocks that the write-natured commands of these PDUs write, in one LU. */
export function blocksOf(pdus: readonly WirePdu[], target: string, lun: number): Extents {
  const out = new Extents();
  for (const { command } of pdus) {
    if (command === undefined || !command.mutates || command.target !== target || command.lun !== lun) continue;
    for (let i = 0; i < command.blocks.length; i += 2) out.add(command.blocks[i], command.blocks[i + 1]);
  }
  return out;
}
