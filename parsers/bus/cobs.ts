import { copyOf } from '../../src/base/bytes.ts';
/** Consistent overhead byte stuffing, as the bus probe's protocol (version 1, section 1) has it. */

/**
 * Decodes the frame `bytes[from, to)` (without its closing zero) into `into`. Returns the packet's length, or -1 where the
 * frame is broken or does not fit.
 */
export function cobsDecode(bytes: Uint8Array, from: number, to: number, into: Uint8Array): number {
  let at = from;
  let length = 0;
  while (at < to) {
    const code = bytes[at++];
    const end = at + code - 1;
    if (code === 0 || end > to || length + code > into.length + 1) return -1;
    while (at < end) {
      if (bytes[at] === 0) return -1;
      into[length++] = bytes[at++];
    }
    if (code < 0xff && at < to) {
      if (length === into.length) return -1;
      into[length++] = 0;
    }
  }
  return length;
}

/** Encodes a packet and closes it with a zero. */
export function cobsEncode(packet: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(packet.length + Math.ceil(packet.length / 254) + 2);
  let code = 0;
  let at = 1;
  for (let i = 0; i < packet.length; i++) {
    if (packet[i] !== 0) out[at++] = packet[i];
    const run = at - code;
    if (packet[i] === 0 || (run === 0xff && i + 1 < packet.length)) {
      out[code] = run;
      code = at++;
    }
  }
  out[code] = at - code;
  out[at++] = 0;
  return copyOf(out, 0, at);
}
