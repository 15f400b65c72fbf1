/** Writers of capture files for tests, written from the drafts and apart from the readers they test. */

export interface Frame {
  seconds: number;
  /** In units of the file. */
  fraction: number;
  data: Uint8Array;
  wire?: number;
}

export interface PcapShape {
  little?: boolean;
  magic?: number;
  major?: number;
  minor?: number;
  /** The whole link-type word, FCS bits included. */
  link?: number;
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function words(little: boolean, ...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint32(i * 4, value >>> 0, little);
  });
  return bytes;
}

export function halves(little: boolean, ...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 2);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint16(i * 2, value, little);
  });
  return bytes;
}

export function pcap(frames: readonly Frame[], shape: PcapShape = {}): Uint8Array {
  const { little = true, magic = 0xa1b2c3d4, major = 2, minor = 4, link = 1 } = shape;
  const header = join(words(little, magic), halves(little, major, minor), words(little, 0, 0, 262144, link));
  const extra = magic === 0xa1b2cd34 ? new Uint8Array(8).fill(0x77) : new Uint8Array(0);
  const records = frames.map(({ seconds, fraction, data, wire = data.length }) =>
    join(words(little, seconds, fraction, data.length, wire), extra, data),
  );
  return join(header, ...records);
}

export function padded(bytes: Uint8Array): Uint8Array {
  return join(bytes, new Uint8Array((4 - (bytes.length % 4)) % 4));
}

export function option(little: boolean, code: number, value: Uint8Array): Uint8Array {
  return join(halves(little, code, value.length), padded(value));
}

export function block(little: boolean, type: number, body: Uint8Array): Uint8Array {
  const whole = padded(body);
  return join(words(little, type, whole.length + 12), whole, words(little, whole.length + 12));
}

export function section(little: boolean, major = 1, options: Uint8Array = new Uint8Array(0)): Uint8Array {
  const body = join(words(little, 0x1a2b3c4d), halves(little, major, 0), words(little, -1, -1), options);
  return block(little, 0x0a0d0d0a, body);
}

export function describedInterface(
  little: boolean,
  link = 1,
  snapLength = 0,
  options: Uint8Array = new Uint8Array(0),
): Uint8Array {
  return block(little, 1, join(halves(little, link, 0), words(little, snapLength), options));
}

/** An enhanced packet with a time stamp of `ticks` units. */
export function enhanced(
  little: boolean,
  owner: number,
  ticks: bigint,
  data: Uint8Array,
  wire = data.length,
  options: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const head = words(little, owner, Number(ticks >> 32n), Number(ticks & 0xffffffffn), data.length, wire);
  return block(little, 6, join(head, padded(data), options));
}
