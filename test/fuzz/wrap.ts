import type { Random } from './random.ts';
import type { Scenario } from './scenario.ts';
import { outer, put16, put32, sealIp } from './wire.ts';

const UDP = 17;
const GRE = 47;
const VXLAN = 4789;
const GENEVE = 6081;

/** Puts every frame into the same kind of tunnel, or into IP fragments: nothing is lost by that. */
export function wrapAll(random: Random, scenario: Scenario): void {
  const kind = random.below(4);
  const part = random.pick([64, 512, 1024]);
  for (let i = 0; i < scenario.count; i++) {
    if (kind === 3) {
      i += fragment(scenario, i, part, i) - 1;
    } else wrap(scenario, i, kind);
  }
  scenario.note(kind === 3 ? `in IP fragments of ${part}` : `in tunnels of kind ${kind}`);
}

/** Puts frame `i` into a tunnel: VXLAN, GENEVE or GRE (Ethernet), with the lengths of the wire. */
export function wrap(scenario: Scenario, i: number, kind: number): void {
  const { batch } = scenario;
  if (batch.link[i] !== 1) return;
  const inner = batch.captured[i];
  const wire = batch.wire[i];
  const header = kind === 2 ? 34 + 4 : 34 + 8 + 8;
  const at = wire + header > 65535 ? -1 : scenario.room(inner + header);
  if (at < 0) return;
  const b = batch.bytes;
  const body = outer(b, at, kind === 2 ? GRE : UDP, wire + header - 34);
  if (kind === 2) put32(b, body, 0x6558);
  else {
    put32(b, body, (50000 << 16) | (kind === 0 ? VXLAN : GENEVE));
    put32(b, body + 4, (wire + 16) << 16);
    put32(b, body + 8, kind === 0 ? 0x08000000 : 0x6558);
    put32(b, body + 12, 0x100);
  }
  b.copyWithin(at + header, batch.offset[i], batch.offset[i] + inner);
  batch.offset[i] = at;
  batch.captured[i] = inner + header;
  batch.wire[i] = wire + header;
}

/** Cuts the IPv4 packet of frame `i` into fragments of `part` bytes (RFC 791 section 3.2); returns how many there are. */
export function fragment(scenario: Scenario, i: number, part: number, id: number): number {
  const { batch, window: w } = scenario;
  const l = w.layers[scenario.origin[i]];
  if (l === undefined || batch.captured[i] < l.ipEnd || l.ipEnd - l.tcp <= part) return 1;
  const b = batch.bytes;
  const from = batch.offset[i];
  const pieces = Math.ceil((l.ipEnd - l.tcp) / part);
  const at = scenario.room(pieces * l.tcp + l.ipEnd - l.tcp);
  if (at < 0 || scenario.count + pieces > 1000) return 1;
  for (let k = 1; k < pieces; k++) if (!scenario.repeat(i, i + 1)) return 1;
  let to = at;
  for (let k = 0; k < pieces; k++) {
    const first = k * part;
    const size = Math.min(part, l.ipEnd - l.tcp - first);
    b.copyWithin(to, from, from + l.tcp);
    b.copyWithin(to + l.tcp, from + l.tcp + first, from + l.tcp + first + size);
    put16(b, to + 16, l.tcp - l.ip + size);
    put16(b, to + 18, id);
    put16(b, to + 20, (first >>> 3) | (k < pieces - 1 ? 0x2000 : 0));
    sealIp(b, to + l.ip);
    batch.offset[i + k] = to;
    batch.captured[i + k] = l.tcp + size;
    batch.wire[i + k] = l.tcp + size;
    to += l.tcp + size;
  }
  return pieces;
}
