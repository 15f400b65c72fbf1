import { normalPortal } from '../../base/address.ts';
import { NAME_BYTES_MAX } from '../../base/luUrl.ts';
import { type Check, type Reading, text } from './configCheck.ts';
import { kindWords, quoted } from './configTree.ts';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
};

/** Bytes: a number, or a text such as "64MiB" or "1.5 GB". */
export function bytes(min: number): Check<number> {
  return (node, where, book) => {
    const value = node.kind === 'scalar' ? bytesOf(node.value) : undefined;
    if (value !== undefined && Number.isSafeInteger(value) && value >= min) return value;
    const wrong =
      value === undefined
        ? `a number of bytes is expected, not ${kindWords(node)}`
        : `${kindWords(node)} is not a whole number of at least ${min} bytes`;
    book.push({
      at: node.at,
      where,
      wrong,
      mend: 'write a number such as 67108864, or "64MiB" (B, KiB, MiB, GiB, TiB, kB, MB, GB, TB)',
    });
    return undefined;
  };
}

/** Undefined: not a number of bytes. */
export function bytesOf(value: string | number | boolean | null): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const match = /^(\d{1,16}(?:\.\d{1,9})?)\s*([a-z]*)$/i.exec(value.trim());
  const unit = match?.[2].toLowerCase();
  if (match === null || unit === undefined || !Object.hasOwn(UNITS, unit)) return undefined;
  return Number(match[1]) * UNITS[unit];
}

const SPANS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};
const SPAN = /^(\d{1,9}(?:\.\d{1,6})?)\s*([a-z]+)$/i;
/** A window that is shorter would be folded away while it is looked at. */
const SPAN_MIN_MS = 1000;

/** A length of time such as "1h", in whole milliseconds. */
export const duration: Check<number> = (node, where, book) => {
  const words = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : '';
  const match = SPAN.exec(words.trim());
  const unit = match?.[2].toLowerCase() ?? '';
  const ms = match && Object.hasOwn(SPANS, unit) ? Math.round(Number(match[1]) * SPANS[unit]) : undefined;
  if (ms !== undefined && ms >= SPAN_MIN_MS && Number.isSafeInteger(ms)) return ms;
  const wrong = ms === undefined ? 'a length of time' : `a length of time of at least ${SPAN_MIN_MS / 1000} s`;
  const mend = 'write a number and a unit in quotes, such as "1h" or "7d" (s, min, h, d, w)';
  book.push({ at: node.at, where, wrong: `${wrong} is expected, not ${kindWords(node)}`, mend });
  return undefined;
};

/** The portal in the form that `base/address` gives it, or undefined when it is none. No target listens on port 0. */
function portalOf(words: string): string | undefined {
  const value = normalPortal(words);
  return value?.endsWith(':0') ? undefined : value;
}

/** A portal, in the form of `base/address`. */
export const portal: Check<string> = text((words): Reading<string> => {
  const value = portalOf(words);
  return value === undefined ? { wrong: `${quoted(words)} is not IP:PORT`, mend: portalMend(words) } : { value };
}, '10.0.0.1:3260');

function portalMend(words: string): string {
  if ((words.match(/:/g)?.length ?? 0) > 1 && !words.includes('['))
    return 'put an IPv6 address in brackets: "[2001:db8::1]:3260"';
  if (/^[\d.]+$/.test(words) || /^\[.*\]$/.test(words)) return `add the port: "${words}:3260"`;
  return 'write the address as the bus shows it, such as "10.0.0.1:3260" (names are not looked up)';
}

const MEND_LU =
  'write TARGET-NAME/LUN, such as "iqn.2024-01.example:disks/1", or IP:PORT/LUN where no login was captured';

/** The name of a logical unit, kept as written: `TARGET-NAME/LUN` or `IP:PORT/LUN`; of a parallel bus `scsi:ID/LUN`. */
export const lu: Check<string> = text((words): Reading<string> => {
  const slash = words.lastIndexOf('/');
  const name = words.slice(0, slash);
  const lun = words.slice(slash + 1);
  if (slash < 1 || !/^\d+$/.test(lun))
    return { wrong: `${quoted(words)} does not end in /LUN, a decimal number`, mend: MEND_LU };
  if (!Number.isSafeInteger(Number(lun))) return { wrong: `the LUN ${lun} is above 2^53-1`, mend: MEND_LU };
  if (/\s/.test(name)) return { wrong: `the target name ${quoted(name)} has a space in it`, mend: MEND_LU };
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) {
    return {
      wrong: `the target name is longer than ${NAME_BYTES_MAX} bytes (RFC 7143 section 4.2.7.1)`,
      mend: MEND_LU,
    };
  }
  if (/^scsi:/i.test(name)) return parallelLu(words, name.slice(5), Number(lun));
  const addressLike = !/^(iqn|eui|naa)\./i.test(name) && /^[\d.]+$|^\[|:/.test(name);
  if (addressLike && portalOf(name) === undefined) {
    return { wrong: `${quoted(name)} is neither a target name nor IP:PORT`, mend: portalMend(name) };
  }
  return { value: words };
}, 'iqn.2024-01.example:disks/1');

/** An LU of a parallel bus: `scsi:ID/LUN` (SPI-5: sixteen IDs, 64 LUNs in IDENTIFY). */
function parallelLu(words: string, id: string, lun: number): Reading<string> {
  const fits = /^\d{1,2}$/.test(id) && Number(id) < 16 && lun < 64;
  if (fits) return { value: `scsi:${Number(id)}/${lun}` };
  const mend = 'write scsi:ID/LUN with an ID of 0 to 15 and a LUN of 0 to 63, such as "scsi:3/0"';
  return { wrong: `${quoted(words)} is no logical unit of a parallel bus`, mend };
}

/** A key under which two spellings of one logical unit are equal: iSCSI names know no upper case (RFC 3722). */
export function luKey(name: string): string {
  const slash = name.lastIndexOf('/');
  const target = name.slice(0, slash);
  return `${portalOf(target) ?? target.toLowerCase()}/${Number(name.slice(slash + 1))}`;
}

/** A capture's path, or `-` for standard input. */
export const capturePath: Check<string> = text((words): Reading<string> => {
  if (words === '' || words.includes('\0'))
    return { wrong: 'not a path', mend: 'write the path of a capture file, or "-" for standard input' };
  if (/^file:/i.test(words))
    return { wrong: `${quoted(words)} is a URL`, mend: `write the path alone: ${quoted(words.slice(5))}` };
  return { value: words };
}, 'bus.pcap');

/** A path of a file or folder that need not be there yet. */
export function path(example: string): Check<string> {
  return text((words): Reading<string> => {
    if (words === '' || words.includes('\0'))
      return { wrong: 'not a path', mend: `write for example ${quoted(example)}` };
    if (/^file:/i.test(words))
      return { wrong: `${quoted(words)} is a URL`, mend: `write the path alone: ${quoted(words.slice(5))}` };
    return { value: words };
  }, example);
}

/** `true` or `false`. */
export const flag: Check<boolean> = (node, where, book) => {
  if (node.kind === 'scalar' && typeof node.value === 'boolean') return node.value;
  book.push({
    at: node.at,
    where,
    wrong: `true or false is expected, not ${kindWords(node)}`,
    mend: 'write one of them',
  });
  return undefined;
};

/** A power of two from `min` to `max`, in bytes. */
export function powerOfTwo(min: number, max: number): Check<number> {
  const check = bytes(min);
  return (node, where, book) => {
    const value = check(node, where, book);
    if (value === undefined || (value <= max && Number.isInteger(Math.log2(value)))) return value;
    book.push({
      at: node.at,
      where,
      wrong: `a power of two from ${min} to ${max} bytes is expected, not ${kindWords(node)}`,
      mend: 'write for example "64KiB"',
    });
    return undefined;
  };
}

/** Interface names are at most 15 bytes on Linux (IFNAMSIZ with its NUL). */
const INTERFACE_BYTES_MAX = 15;

/** The name of a network interface, or `any`. */
export const networkInterface: Check<string> = text((words): Reading<string> => {
  if (words === '' || /[\s/\0]/.test(words) || Buffer.byteLength(words) > INTERFACE_BYTES_MAX) {
    return { wrong: `${quoted(words)} is not the name of a network interface`, mend: 'see `ip link` for their names' };
  }
  return { value: words };
}, 'eth1');

/** A group of this machine, by its name or number. */
export const groupName: Check<string> = text((words): Reading<string> => {
  if (/^([a-z_][a-z0-9_.-]{0,31}|\d{1,10})$/i.test(words)) return { value: words };
  return { wrong: `${quoted(words)} is no name of a group`, mend: 'write for example "operators"' };
}, 'operators');

/** An iSCSI name as RFC 7143 section 4.2.7.2 allows it after preparation: lower case, digits, `-`, `.` and `:`. */
export const initiatorName: Check<string> = text((words): Reading<string> => {
  const mend = 'write for example "iqn.2024-01.com.example:unit-1"';
  const form =
    /^(?:iqn\.\d{4}-(?:0[1-9]|1[0-2])\.[a-z0-9.:\u0080-\uffff-]+|eui\.[0-9A-Fa-f]{16}|naa\.(?:[0-9A-Fa-f]{16}){1,2})$/;
  if (/^iqn\..*[A-Z]/.test(words)) return { wrong: `${quoted(words)} has upper case letters in it`, mend };
  if (!form.test(words) || Buffer.byteLength(words) > NAME_BYTES_MAX) {
    return { wrong: `${quoted(words)} is not an iSCSI name (RFC 7143 section 4.2.7)`, mend };
  }
  return { value: words };
}, 'iqn.2024-01.com.example:unit-1');
