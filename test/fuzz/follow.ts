import { Op } from '../../parsers/iscsi/opcodes.ts';
import { PduSplitter } from '../../parsers/iscsi/splitter.ts';
import { portalText } from '../../src/base/address.ts';
import { copyOf } from '../../src/base/bytes.ts';
import type { Window } from './windows.ts';
import { get32, tcpChecksum } from './wire.ts';

const SYN = 2;
const ACK = 16;

interface Flow {
  next: number;
  splitter: PduSplitter;
}

/** Finds the PDU headers of a window, the frames that a loss must leave, and where its tail begins. */
export function follow(w: Window, digests: { header: boolean; data: boolean }): void {
  const b = w.arena;
  const flows = new Map<string, Flow>();
  let here = 0;
  let plain = true;
  let opened = 0;
  const answered = new Set<number>();
  const open = (toTarget: boolean): PduSplitter => {
    let login = false;
    return new PduSplitter(
      {
        header: ({ bhs, bhsAt, opcode }) => {
          const at = bhs === b ? bhsAt - w.offset[here] : -1;
          const itt = get32(bhs, bhsAt + 16);
          w.pdus.push({ frame: here, at, opcode, itt });
          // A status: in a response, a NOP-In, or a Data-In with the S bit (RFC 7143 section 11.7.1).
          const status = opcode === Op.scsiResponse || opcode === Op.nopIn;
          if (status || (opcode === Op.dataIn && (bhs[bhsAt + 1] & 1) !== 0)) answered.add(itt);
          // T and NSG = 3: full feature phase, with digests, follows this response (RFC 7143 section 11.13.1).
          login = opcode === Op.loginResponse && (bhs[bhsAt + 1] & 0x83) === 0x83;
        },
        data: () => {},
        dataHole: () => {},
        instead: () => {},
        end: () => {
          if (!login) return;
          for (const { splitter } of flows.values()) {
            splitter.headerDigest = digests.header;
            splitter.dataDigest = digests.data;
          }
        },
      },
      toTarget,
    );
  };
  for (here = 0; here < w.count; here++) {
    const l = w.layers[here];
    if (l === undefined) {
      plain = false;
      continue;
    }
    const o = w.offset[here];
    const seq = get32(b, o + l.tcp + 4);
    const flags = b[o + l.tcp + 13];
    const size = l.ipEnd - l.payload;
    const goal = portalText(copyOf(b, o + 30, o + 34), (b[o + l.tcp + 2] << 8) | b[o + l.tcp + 3]);
    const key = `${portalText(copyOf(b, o + 26, o + 30), (b[o + l.tcp] << 8) | b[o + l.tcp + 1])} ${goal}`;
    let flow = flows.get(key);
    if (flow === undefined) {
      flow = { next: seq, splitter: open(goal.endsWith(':3260')) };
      flows.set(key, flow);
    }
    if (flags & SYN) {
      w.syns.add(here);
      if ((flags & ACK) === 0) opened++;
      flow.next = (seq + 1) >>> 0;
    }
    if (size === 0) continue;
    if (flow.splitter.position === 0) w.first.add(here);
    if (tcpChecksum(b, o + l.ip, o + l.tcp, l.ipEnd - l.tcp) !== 'right') w.checksums = false;
    if (seq !== flow.next || flow.splitter.lost) continue;
    flow.splitter.bytes(b, o + l.payload, size);
    flow.next = (seq + size) >>> 0;
  }
  w.fromStart = plain && opened === 1 && flows.size === 2 && w.syns.has(0);
  for (const p of w.pdus) {
    if ((p.opcode === Op.scsiCommand || p.opcode === Op.nopOut) && answered.has(p.itt)) w.tail = p.frame;
  }
}
