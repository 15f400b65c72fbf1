import { copyOf } from '../../src/base/bytes.ts';
import type { ParseFault } from '../../src/base/fault.ts';
import { isParseFault } from '../../src/base/fault.ts';
import { hexOf, textOf } from './bytes.ts';
import { vpdPage } from './inquiry.ts';

/** SPC-5 section 7.7.6: what a designator names, and how. */
export const ASSOCIATION_LU = 0;
export const TYPE_T10 = 1;
export const TYPE_EUI64 = 2;
export const TYPE_NAA = 3;
export const TYPE_NAME = 8;
export const TYPE_UUID = 0x0a;

/** One designation descriptor of VPD page 83h or of a CSCD descriptor. Its bytes are a copy. */
export interface Designator {
  /** 0 logical unit, 1 target port, 2 target device. */
  association: number;
  type: number;
  /** 1 binary, 2 ASCII, 3 UTF-8. */
  codeSet: number;
  bytes: Uint8Array;
}

/** Device identification, VPD page 83h, SPC-5 section 7.7.6: the designators that arrived whole. */
export function parseDesignators(bytes: Uint8Array, offset: number, length: number): Designator[] | ParseFault {
  const page = vpdPage(bytes, offset, length, 0x83);
  if (isParseFault(page)) return page;
  const designators: Designator[] = [];
  let at = page.from;
  while (at + 4 <= page.to && at + 4 + bytes[at + 3] <= page.to) {
    designators.push(designatorAt(bytes, at, bytes[at + 3]));
    at += 4 + bytes[at + 3];
  }
  return designators;
}

/** The descriptor whose four-byte header stands at `at`; its `length` bytes have been checked to be there. */
export function designatorAt(bytes: Uint8Array, at: number, length: number): Designator {
  return {
    association: (bytes[at + 1] >> 4) & 0x03,
    type: bytes[at + 1] & 0x0f,
    codeSet: bytes[at] & 0x0f,
    bytes: copyOf(bytes, at + 4, at + 4 + length),
  };
}

const prefixes: Readonly<Record<number, string>> = {
  0: 'vendor',
  [TYPE_T10]: 't10',
  [TYPE_EUI64]: 'eui',
  [TYPE_NAA]: 'naa',
  4: 'relative-port',
  5: 'port-group',
  6: 'lu-group',
  7: 'md5',
  [TYPE_NAME]: 'name',
  9: 'protocol',
  [TYPE_UUID]: 'uuid',
};

/** A designator in words that stay the same for the same LU: `naa.6001405...`, `eui.HEX`, `t10.TEXT`, `name.TEXT`. */
export function designatorWords(designator: Designator): string {
  const { bytes, type, codeSet } = designator;
  const prefix = prefixes[type] ?? `type${type}`;
  if (type === TYPE_UUID && bytes.length === 18) return `${prefix}.${uuidWords(bytes)}`;
  const isText = type === TYPE_NAME || codeSet === 2 || codeSet === 3;
  return `${prefix}.${isText ? textOf(bytes, 0, bytes.length) : hexOf(bytes, 0, bytes.length)}`;
}

/** The UUID stands behind two bytes of its own (SPC-5 section 7.7.6). */
function uuidWords(bytes: Uint8Array): string {
  const hex = hexOf(bytes, 2, 18);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return parts.join('-');
}

/**
 * True where no other LU of the world may carry this designator, so that equal ones prove one LU. Never for a T10 vendor
 * identification or a locally assigned NAA, and not where the IEEE company id is zero: targets in use fill that in
 * from a counter, the same on every machine.
 */
export function globallyUnique(designator: Designator): boolean {
  const { association, type, bytes } = designator;
  if (association !== ASSOCIATION_LU) return false;
  switch (type) {
    case TYPE_EUI64:
      return uniqueEui64(bytes);
    case TYPE_NAA:
      return uniqueNaa(hexOf(bytes, 0, bytes.length));
    case TYPE_NAME:
      return uniqueName(textOf(bytes, 0, bytes.length));
    case TYPE_UUID:
      return bytes.length === 18 && bytes[0] >> 4 === 1 && bytes.some((byte, i) => i > 1 && byte !== 0);
    default:
      return false;
  }
}

/** SPC-5 section 7.7.6.5: 8 bytes; 12 with a directory id behind them; 16 with an identifier extension before them. */
function uniqueEui64(bytes: Uint8Array): boolean {
  if (bytes.length !== 8 && bytes.length !== 12 && bytes.length !== 16) return false;
  const company = bytes.length === 16 ? 8 : 0;
  return (bytes[company] | bytes[company + 1] | bytes[company + 2]) !== 0;
}

/** SPC-5 section 7.7.6.6: the company id follows the NAA digit, in IEEE Extended (2h) three digits later. */
function uniqueNaa(hex: string): boolean {
  const extended = hex.startsWith('2');
  const fits = extended || hex.startsWith('5') ? hex.length === 16 : hex.startsWith('6') && hex.length === 32;
  return fits && /[^0]/.test(extended ? hex.slice(4, 10) : hex.slice(1, 7));
}

/** SPC-5 section 7.7.6.11: the name of an LU is an EUI-64, an NAA, a UUID or an iSCSI name with the LUN's own part. */
function uniqueName(text: string): boolean {
  const [prefix, rest = ''] = [text.slice(0, 4).toLowerCase(), text.slice(4).toLowerCase()];
  if (prefix === 'naa.') return /^[0-9a-f]+$/.test(rest) && uniqueNaa(rest);
  if (prefix === 'eui.') return /^[0-9a-f]{16}([0-9a-f]{8}|[0-9a-f]{16})?$/.test(rest) && uniqueEuiText(rest);
  if (prefix === 'uuid') return /[1-9a-f]/.test(rest);
  return prefix === 'iqn.' && rest.length > 0;
}

function uniqueEuiText(hex: string): boolean {
  return /[^0]/.test(hex.length === 32 ? hex.slice(16, 22) : hex.slice(0, 6));
}
