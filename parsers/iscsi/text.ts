/** Keys of one text negotiation step. Later values of one key win; keys are case-sensitive (RFC 7143 section 6.1). */
export type TextKeys = Map<string, string>;

/** The most text one negotiation may hold here: RFC 7143 section 6.2 lets a peer refuse sequences that never end. */
export const MAX_TEXT_BYTES = 65536;

const latin = new TextDecoder('latin1');

/**
 * Splits `key=value` pairs ended by NUL (RFC 7143 section 6.1). Pairs without `=` are skipped: the decoder only
 * watches, so a peer's nonsense is theirs to refuse.
 */
export function parseText(bytes: Uint8Array): TextKeys {
  const keys: TextKeys = new Map();
  for (const [key, value] of pairsIn(bytes)) if (key !== undefined) keys.set(key, value);
  return keys;
}

/** All pairs in their order: in an answer to SendTargets (appendix C) keys come again and again. */
export function textPairs(bytes: Uint8Array): [key: string, value: string][] {
  return [...pairsIn(bytes)].filter((pair): pair is [string, string] => pair[0] !== undefined);
}

/** A key's name: a standard-label, RFC 7143 section 6.1, but that one registered key begins with a small letter. */
const KEY_NAME = /^[A-Za-z][A-Za-z0-9.\-+@_]{0,62}$/;

/**
 * The same for whoever has to answer: undefined where a pair is none, a key is not a key's name, or one key comes twice, all of
 * which section 6.1 forbids.
 */
export function parseTextStrictly(bytes: Uint8Array): TextKeys | undefined {
  const keys: TextKeys = new Map();
  for (const [key, value] of pairsIn(bytes)) {
    if (key === undefined || !KEY_NAME.test(key) || keys.has(key)) return undefined;
    keys.set(key, value);
  }
  return keys;
}

/** What lies between NULs; without a key where nothing stands before an equals sign. */
function* pairsIn(bytes: Uint8Array): Generator<[key: string | undefined, value: string]> {
  for (let from = 0, to = 0; from < bytes.length; from = to + 1) {
    to = bytes.indexOf(0, from);
    if (to < 0) to = bytes.length;
    if (to === from) continue;
    const pair = latin.decode(bytes.subarray(from, to));
    const cut = pair.indexOf('=');
    yield cut > 0 ? [pair.slice(0, cut), pair.slice(cut + 1)] : [undefined, pair];
  }
}

/** The text of a request or response: every pair ended by NUL. */
export function textBytes(keys: Iterable<readonly [string, string]>): Uint8Array {
  let text = '';
  for (const [key, value] of keys) text += `${key}=${value}\0`;
  return new TextEncoder().encode(text);
}

/** A number as text negotiation writes it, decimal or hexadecimal (RFC 7143 section 6.1), up to 2^32-1; else undefined. */
export function textNumber(value: string): number | undefined {
  if (!/^(?:\d{1,10}|0[xX][0-9a-fA-F]{1,8})$/.test(value)) return undefined;
  const number = Number(value);
  return number <= 0xffffffff ? number : undefined;
}

/** Bytes as a hexadecimal constant, the form that every peer reads (RFC 7143 section 6.1). */
export function textBinary(bytes: Uint8Array): string {
  let text = '0x';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** The bytes of a hexadecimal (`0x`) or base64 (`0b`) constant; undefined where it is none. */
export function parseTextBinary(value: string): Uint8Array | undefined {
  const body = value.slice(2);
  if (/^0x/i.test(value) && /^[0-9a-fA-F]+$/.test(body)) {
    const hex = body.length % 2 === 0 ? body : `0${body}`;
    return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
  }
  if (/^0b/i.test(value) && body !== '' && body.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(body)) {
    return Uint8Array.from(Buffer.from(body, 'base64'));
  }
  return undefined;
}
