import { put16, u16 } from '../../parsers/bytes.ts';
import type { Registration } from './registry.ts';

/** Version 1: type, count of registrations; each with key, flag of the holder, target port, initiator and its port. */
const VERSION = 1;
const HEAD = 4;
const FIXED = 8 + 1 + 2 + 2 + 2;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8');

export interface KeptRegistry {
  readonly registrations: readonly Registration[];
  readonly type: number;
  readonly holder: Registration | undefined;
}

/** A logical unit's persistent reservation as bytes for `keep`. */
export function writeRegistry(
  registrations: readonly Registration[],
  type: number,
  holder: Registration | undefined,
): Uint8Array {
  const parts = registrations.map((registration) => writeOne(registration, registration === holder));
  const bytes = new Uint8Array(HEAD + parts.reduce((sum, { length }) => sum + length, 0));
  bytes[0] = VERSION;
  bytes[1] = type;
  put16(bytes, 2, parts.length);
  let at = HEAD;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function writeOne(registration: Registration, holds: boolean): Uint8Array {
  const initiator = encoder.encode(registration.initiator);
  const port = encoder.encode(registration.initiatorPort);
  const bytes = new Uint8Array(FIXED + initiator.length + port.length);
  new DataView(bytes.buffer).setBigUint64(0, registration.key);
  bytes[8] = holds ? 1 : 0;
  put16(bytes, 9, registration.targetPort);
  put16(bytes, 11, initiator.length);
  put16(bytes, 13, port.length);
  bytes.set(initiator, FIXED);
  bytes.set(port, FIXED + initiator.length);
  return bytes;
}

/** What `writeRegistry` wrote; undefined where it holds no registration or is of another version. */
export function readRegistry(bytes: Uint8Array): KeptRegistry | undefined {
  if (bytes.length < HEAD || bytes[0] !== VERSION) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const registrations: Registration[] = [];
  let holder: Registration | undefined;
  let at = HEAD;
  for (let left = u16(bytes, 2); left > 0; left -= 1) {
    if (at + FIXED > bytes.length) return undefined;
    const initiatorEnd = at + FIXED + u16(bytes, at + 11);
    const end = initiatorEnd + u16(bytes, at + 13);
    if (end > bytes.length) return undefined;
    const one = {
      initiator: decoder.decode(bytes.subarray(at + FIXED, initiatorEnd)),
      initiatorPort: decoder.decode(bytes.subarray(initiatorEnd, end)),
      targetPort: u16(bytes, at + 9),
      key: view.getBigUint64(at),
    };
    if (bytes[at + 8] === 1) holder = one;
    registrations.push(one);
    at = end;
  }
  return registrations.length === 0 ? undefined : { registrations, type: bytes[1], holder };
}
