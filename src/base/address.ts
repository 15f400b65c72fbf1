/** IP addresses and portals in words. */

/** `10.0.0.1`, or the shortest form of an IPv6 address (RFC 5952). */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  const words: number[] = [];
  for (let i = 0; i < 16; i += 2) words.push((bytes[i] << 8) | bytes[i + 1]);
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && words[i + n] === 0) n++;
    if (n > bestLength) {
      best = i;
      bestLength = n;
    }
  }
  const hex = (from: number, to: number) =>
    words
      .slice(from, to)
      .map((w) => w.toString(16))
      .join(':');
  if (best < 0) return hex(0, 8);
  return `${hex(0, best)}::${hex(best + bestLength, 8)}`;
}

/** `10.0.0.1:3260`, `[fd66::2]:3260`. */
export function portalText(bytes: Uint8Array, port: number): string {
  return bytes.length === 4 ? `${addressText(bytes)}:${port}` : `[${addressText(bytes)}]:${port}`;
}

/** A portal as a person wrote it, in the form of `portalText`; undefined when it is none. */
export function normalPortal(text: string): string | undefined {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3}):(\d{1,5})$/.exec(text);
  if (v4) {
    const parts = v4.slice(1).map(Number);
    if (parts.slice(0, 4).some((n) => n > 255) || parts[4] > 65535) return undefined;
    return `${parts.slice(0, 4).join('.')}:${parts[4]}`;
  }
  const v6 = /^\[([0-9a-fA-F:.]+)\]:(\d{1,5})$/.exec(text);
  if (!v6 || Number(v6[2]) > 65535) return undefined;
  const bytes = parseV6(v6[1]);
  return bytes === undefined ? undefined : portalText(bytes, Number(v6[2]));
}

/**
 * The bytes of an IPv4 or IPv6 address in words; an IPv6 zone is left out, and an IPv4 address that is mapped into IPv6 is
 * an IPv4 address. Undefined when it is neither.
 */
export function addressBytes(text: string): Uint8Array | undefined {
  const v4 = /^(?:::ffff:)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/i.exec(text);
  if (v4) {
    const parts = v4.slice(1).map(Number);
    return parts.some((n) => n > 255) ? undefined : Uint8Array.from(parts);
  }
  return parseV6(text.replace(/%.*$/, ''));
}

/** `host:port` or `[IPv6]:port` in its two parts; undefined when it is neither. The host may be a name. */
export function splitPortal(text: string): { host: string; port: number } | undefined {
  const parts = /^(?:\[([0-9a-fA-F:.]+(?:%[^\]]+)?)\]|([^[\]:/\s]+)):(\d{1,5})$/.exec(text);
  if (!parts || Number(parts[3]) > 65535) return undefined;
  return { host: parts[1] ?? parts[2], port: Number(parts[3]) };
}

function parseV6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const words = (half: string): number[] | undefined => {
    if (half === '') return [];
    const out: number[] = [];
    for (const part of half.split(':')) {
      const v4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(part);
      if (v4) {
        const n = v4.slice(1).map(Number);
        if (n.some((x) => x > 255)) return undefined;
        out.push((n[0] << 8) | n[1], (n[2] << 8) | n[3]);
      } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) out.push(Number.parseInt(part, 16));
      else return undefined;
    }
    return out;
  };
  const left = words(halves[0]);
  const right = halves.length === 2 ? words(halves[1]) : [];
  if (left === undefined || right === undefined) return undefined;
  const missing = 8 - left.length - right.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...left, ...new Array<number>(missing).fill(0), ...right];
  return Uint8Array.from(all.flatMap((w) => [w >> 8, w & 0xff]));
}
