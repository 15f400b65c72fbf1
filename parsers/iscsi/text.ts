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
  let from = 0;
  while (from < bytes.length) {
    let to = bytes.indexOf(0, from);
    if (to < 0) to = bytes.length;
    if (to > from) {
      const pair = latin.decode(bytes.subarray(from, to));
      const cut = pair.indexOf('=');
      if (cut > 0) keys.set(pair.slice(0, cut), pair.slice(cut + 1));
    }
    from = to + 1;
  }
  return keys;
}
