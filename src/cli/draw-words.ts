/** Counts, sizes and times as people read them. */

/** 1,234,567. */
export function countWords(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** 512 B, 4 KiB, 1.5 MiB. */
export function sizeWords(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1023.95 && unit < SIZES.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${oneDecimal(value)} ${SIZES[unit]}`;
}

/** Decimal megabytes a second, as networks and disks are sold. */
export function rateWords(bytesPerSecond: number | null): string {
  return bytesPerSecond === null ? '-' : `${significant(bytesPerSecond / 1e6)} MB/s`;
}

/** A count a second. */
export function perSecondWords(count: number | null): string {
  return count === null ? '-' : `${count >= 100 ? countWords(count) : significant(count)}/s`;
}

/** 812 ns, 34.1 µs (us in ASCII), 2.34 ms, 1.2 s. */
export function durationWords(nanos: number, unicode: boolean): string {
  if (nanos < 1e3) return `${Math.round(nanos)} ns`;
  if (nanos < 999.5e3) return `${significant(nanos / 1e3)} ${unicode ? 'µs' : 'us'}`;
  if (nanos < 999.5e6) return `${significant(nanos / 1e6)} ms`;
  return `${significant(nanos / 1e9)} s`;
}

export function shareWords(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)}%`;
}

/** Three significant digits below a thousand, whole numbers above. */
function significant(value: number): string {
  if (value === 0) return '0';
  if (value >= 99.95) return countWords(value);
  if (value >= 9.995) return value.toFixed(1);
  return value >= 0.01 ? value.toFixed(2) : value.toPrecision(1);
}

function oneDecimal(value: number): string {
  return String(Number(value.toFixed(1)));
}

const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;
const ALL_UNSAFE = new RegExp(UNSAFE.source, 'gu');

/** Names come from the wire: what could break a line or drive a terminal is written as an escape. */
export function plain(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replace(ALL_UNSAFE, (char) => {
    const code = char.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

let cachedSecond = -1n;
let cachedWords = '';

/** Nanoseconds since 1970 as ISO 8601 in UTC with nine decimals (plain seconds where a calendar does not reach). */
export function timeWords(at: bigint): string {
  const second = at / 1_000_000_000n;
  if (second !== cachedSecond) {
    const date = new Date(Number(second) * 1000);
    cachedWords = Number.isNaN(date.getTime()) ? String(second) : date.toISOString().slice(0, -5);
    cachedSecond = second;
  }
  const words = `${cachedWords}.${String(at % 1_000_000_000n).padStart(9, '0')}`;
  return cachedWords.includes('T') ? `${words}Z` : words;
}

/** Nanoseconds as seconds with nine decimals. */
export function secondsWords(nanos: bigint): string {
  const size = nanos < 0n ? -nanos : nanos;
  return `${nanos < 0n ? '-' : ''}${size / 1_000_000_000n}.${String(size % 1_000_000_000n).padStart(9, '0')}`;
}
