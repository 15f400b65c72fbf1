/** ASCII from the left, padded with spaces (SPC-5 section 4.3.1). */
export function putText(bytes: Uint8Array, at: number, length: number, text: string): void {
  for (let i = 0; i < length; i += 1) {
    const code = i < text.length ? text.charCodeAt(i) : 0x20;
    bytes[at + i] = code >= 0x20 && code < 0x7f ? code : 0x3f;
  }
}

/** The bytes of an even number of hexadecimal digits. */
export function hexBytes(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length >> 1);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

/** Parts one after another. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
