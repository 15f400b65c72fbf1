import { Fault } from '../../src/base/fault.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

let lastText = '';
let lastBytes = new Uint8Array(0);

/** The 16 bytes of a UUID (RFC 9562 section 4), not to be changed. */
export function uuidBytes(text: string): Uint8Array {
  // Entry after entry names the same one.
  if (text === lastText) return lastBytes;
  if (!UUID.test(text)) throw new Fault('bug', `${JSON.stringify(text.slice(0, 40))} is not a UUID`);
  const hex = text.replaceAll('-', '');
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  lastText = text;
  lastBytes = bytes;
  return bytes;
}

/** 16 bytes as a UUID in small letters. */
export function uuidText(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += HEX[bytes[i]];
  }
  return text;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
