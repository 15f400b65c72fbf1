import { normalPortal } from '../base/address.ts';
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

function bytesOf(value: string | number | boolean | null): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const match = /^(\d{1,16}(?:\.\d{1,9})?)\s*([a-z]*)$/i.exec(value.trim());
  const unit = match?.[2].toLowerCase();
  if (match === null || unit === undefined || !Object.hasOwn(UNITS, unit)) return undefined;
  return Number(match[1]) * UNITS[unit];
}

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

/** The longest iSCSI name, in bytes (RFC 7143 section 4.2.7.1). */
const NAME_BYTES_MAX = 223;
const MEND_LU =
  'write TARGET-NAME/LUN, such as "iqn.2024-01.example:disks/1", or IP:PORT/LUN where no login was captured';

/** The name of a logical unit, kept as written: `TARGET-NAME/LUN` or `IP:PORT/LUN`. */
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
  const addressLike = !/^(iqn|eui|naa)\./i.test(name) && /^[\d.]+$|^\[|:/.test(name);
  if (addressLike && portalOf(name) === undefined) {
    return { wrong: `${quoted(name)} is neither a target name nor IP:PORT`, mend: portalMend(name) };
  }
  return { value: words };
}, 'iqn.2024-01.example:disks/1');

/** A key under which two spellings of one logical unit are equal: iSCSI names know no upper case (RFC 3722). */
export function luKey(name: string): string {
  const slash = name.lastIndexOf('/');
  const target = name.slice(0, slash);
  return `${portalOf(target) ?? target.toLowerCase()}/${Number(name.slice(slash + 1))}`;
}

/** Schemes that other commands of the unit will serve; today a volume is a file or a block device. */
const OTHER_SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;

export interface FileUrl {
  /** As written. */
  to: string;
  path: string;
}

/**
 * The path in a `file:` URL. `file:PATH` takes the path as written (relative ones from the configuration's folder);
 * `file://` is a URL in full: absolute, on this machine, percent-encoded (RFC 8089).
 */
export const fileUrl: Check<FileUrl> = text((words): Reading<FileUrl> => {
  const mend = 'write "file:PATH", with the path of a file or block device';
  if (!/^file:/i.test(words)) {
    const scheme = OTHER_SCHEME.exec(words)?.[1];
    if (scheme !== undefined) return { wrong: `${quoted(`${scheme}:`)} volumes are not served by this version`, mend };
    return {
      wrong: `${quoted(words)} is not a file: URL`,
      mend: /^[a-z]+:/i.test(words) ? mend : `write "file:${words}"`,
    };
  }
  let path = words.slice('file:'.length);
  if (path.startsWith('//')) {
    const match = /^\/\/(?:localhost)?(\/.*)$/i.exec(path);
    if (match === null)
      return { wrong: `${quoted(words)} names another machine`, mend: 'write "file:PATH" or "file:///PATH"' };
    try {
      path = decodeURIComponent(match[1]);
    } catch {
      return {
        wrong: `${quoted(words)} has a broken %-escape`,
        mend: 'write "file:PATH", where the path stands as it is',
      };
    }
  }
  if (path === '') return { wrong: 'a file: URL without a path', mend };
  if (path.includes('\0')) return { wrong: 'a path with a NUL in it', mend };
  return { value: { to: words, path } };
}, 'file:second.img');

/** A capture's path, or `-` for standard input. */
export const capturePath: Check<string> = text((words): Reading<string> => {
  if (words === '' || words.includes('\0'))
    return { wrong: 'not a path', mend: 'write the path of a capture file, or "-" for standard input' };
  if (/^file:/i.test(words))
    return { wrong: `${quoted(words)} is a URL`, mend: `write the path alone: ${quoted(words.slice(5))}` };
  return { value: words };
}, 'bus.pcap');
