import { addressBytes } from '../../base/address.ts';
import type { TargetAllow } from './types.ts';

/** An address range: the first `bits` bits of an address are these. */
export interface Network {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** `10.0.0.0/24`, `fd66::/64`, or one address; undefined when it is none of them. */
export function parseNetwork(text: string): Network | undefined {
  const parts = /^([^/%\s]+)(?:\/(\d{1,3}))?$/.exec(text);
  const bytes = parts ? addressBytes(parts[1]) : undefined;
  if (!parts || bytes === undefined) return undefined;
  const bits = parts[2] === undefined ? bytes.length * 8 : Number(parts[2]);
  return bits > bytes.length * 8 ? undefined : { bytes, bits };
}

/** True where `address` is inside; an address of the other family never is. */
export function inNetwork({ bytes, bits }: Network, address: Uint8Array): boolean {
  if (address.length !== bytes.length) return false;
  for (let bit = 0; bit < bits; bit += 8) {
    const mask = bits - bit >= 8 ? 0xff : 0xff & (0xff << (8 - (bits - bit)));
    if (((address[bit >> 3] ^ bytes[bit >> 3]) & mask) !== 0) return false;
  }
  return true;
}

/** iSCSI names are told apart after case folding (RFC 7143 section 4.2.7.1). */
export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** `pattern` may hold `*`, any run of characters. */
export function matchesName(pattern: string, name: string): boolean {
  const wanted = pattern.toLowerCase().split('*');
  const folded = name.toLowerCase();
  if (wanted.length === 1) return wanted[0] === folded;
  const [first, last] = [wanted[0], wanted[wanted.length - 1]];
  if (folded.length < first.length + last.length || !folded.startsWith(first) || !folded.endsWith(last)) return false;
  let at = first.length;
  const end = folded.length - last.length;
  for (const part of wanted.slice(1, -1)) {
    const found = folded.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** A network that does not parse lets nobody in: the configuration was to be checked before. */
export function allowed(allow: TargetAllow | undefined, initiator: string, address: string): boolean {
  const { initiators = [], networks = [] } = allow ?? {};
  if (initiators.length > 0 && !initiators.some((pattern) => matchesName(pattern, initiator))) return false;
  if (networks.length === 0) return true;
  const bytes = addressBytes(address);
  if (bytes === undefined) return false;
  return networks.some((text) => {
    const network = parseNetwork(text);
    return network !== undefined && inNetwork(network, bytes);
  });
}
