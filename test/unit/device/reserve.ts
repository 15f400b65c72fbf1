import { be, type Host, type Result } from './host.ts';

/** Service actions of PERSISTENT RESERVE OUT, SPC-5 section 6.17.1. */
export const REGISTER = 0;
export const RESERVE = 1;
export const RELEASE = 2;
export const CLEAR = 3;
export const PREEMPT = 4;
export const PREEMPT_AND_ABORT = 5;
export const REGISTER_AND_IGNORE = 6;
export const REGISTER_AND_MOVE = 7;

/** Reservation types, SPC-5 section 6.16.3.4. */
export const WE = 1;
export const EA = 3;
export const WE_RO = 5;
export const EA_RO = 6;
export const WE_AR = 7;
export const EA_AR = 8;
export const TYPES = [WE, EA, WE_RO, EA_RO, WE_AR, EA_AR];

export interface Order {
  key?: number | bigint;
  sark?: number | bigint;
  type?: number;
  /** SPEC_I_PT 08h, ALL_TG_PT 04h, APTPL 01h. */
  flags?: number;
  /** What follows the basic list. */
  more?: readonly number[];
}

export function out(host: Host, action: number, order: Order = {}): Result {
  const list = [...be(order.key ?? 0, 8), ...be(order.sark ?? 0, 8), 0, 0, 0, 0, order.flags ?? 0, 0, 0, 0];
  list.push(...(order.more ?? []));
  return host.send([0x5f, action, order.type ?? 0, 0, 0, ...be(list.length, 4), 0], {
    dataOut: Uint8Array.from(list),
  });
}

export function move(
  host: Host,
  order: { key: number; sark: number; to: string; unregister?: boolean; keep?: boolean; targetPort?: number },
): Result {
  const id = transportId(order.to);
  const flags = (order.unregister ? 2 : 0) | (order.keep ? 1 : 0);
  const list = [...be(order.key, 8), ...be(order.sark, 8), 0, flags, ...be(order.targetPort ?? 1, 2)];
  list.push(...be(id.length, 4), ...id);
  return host.send([0x5f, REGISTER_AND_MOVE, 0, 0, 0, ...be(list.length, 4), 0], { dataOut: Uint8Array.from(list) });
}

/** iSCSI TransportID with (format 01b) or without (00b) an ISID, SPC-5 section 7.6.4.6. */
export function transportId(name: string): number[] {
  const text = [...Buffer.from(name), 0];
  while (text.length < 20 || text.length % 4 !== 0) text.push(0);
  return [name.includes(',i,') ? 0x45 : 0x05, 0, ...be(text.length, 2), ...text];
}

export function read(host: Host, action: number, length = 4096): Result {
  return host.send([0x5e, action, 0, 0, 0, 0, 0, ...be(length, 2), 0]);
}

export function keys(host: Host): number[] {
  const { data } = read(host, 0);
  const list: number[] = [];
  for (let at = 8; at < data.length; at += 8) list.push(Number(Buffer.from(data).readBigUInt64BE(at)));
  return list.sort((one, other) => one - other);
}

/** Holder's key and type; undefined where there is no reservation. */
export function reservation(host: Host): { key: number; type: number } | undefined {
  const data = Buffer.from(read(host, 1).data);
  if (data.readUInt32BE(4) === 0) return undefined;
  return { key: Number(data.readBigUInt64BE(8)), type: data[21] & 0x0f };
}

export function generation(host: Host): number {
  return Buffer.from(read(host, 0).data).readUInt32BE(0);
}
