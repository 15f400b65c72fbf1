import { isParseFault, type ParseFault, parseFault } from '../../src/base/fault.ts';
import { hexOf } from '../scsi/bytes.ts';
import { ASSOCIATION_LU, type Designator } from '../scsi/designator.ts';

/** What hosts know a disk by: how its logical unit introduces itself (SPC-5 sections 6.7.2, 7.7.6 and 7.7.18). */
export interface LuNames {
  vendor: string;
  product: string;
  revision: string;
  /** VPD page 80h byte for byte, padding included; absent where the LU has no such page. */
  serial?: string;
  /** Of VPD page 83h those that name the logical unit itself, in their order. */
  designators: readonly Designator[];
}

/** No volume in use comes near. */
export const LU_NAMES_BYTES_MAX = 16_384;
const VERSION = 1;
const DESIGNATORS_MAX = 64;
const DESIGNATOR_BYTES_MAX = 255;
/** INQUIRY data (SPC-5 section 4.3.1), and a serial number as long as its page may make it. */
const LENGTHS = { vendor: 8, product: 16, revision: 4, serial: 255 } as const;

/** The names as JSON: what is kept of them, and what a link carries. The same for the same names. */
export function luNamesText({ vendor, product, revision, serial, designators }: LuNames): string {
  const named = designators.map(({ type, codeSet, bytes }) => ({ type, codeSet, hex: hexOf(bytes, 0, bytes.length) }));
  return JSON.stringify({ version: VERSION, vendor, product, revision, serial, designators: named });
}

/** What such a text says, else why it is not believed. */
export function readLuNames(text: string): LuNames | ParseFault {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return parseFault(0, 'no JSON');
  }
  if (typeof value !== 'object' || value === null) return parseFault(0, 'no object');
  const { version, designators, serial, ...words } = value as Record<string, unknown>;
  if (version !== VERSION) return parseFault(0, `version ${String(version)}, not ${VERSION}`);
  const texts = [words.vendor, words.product, words.revision] as const;
  const fits =
    isAscii(texts[0], LENGTHS.vendor) && isAscii(texts[1], LENGTHS.product) && isAscii(texts[2], LENGTHS.revision);
  if (!fits || (serial !== undefined && !isAscii(serial, LENGTHS.serial))) return parseFault(0, 'a name that is none');
  if (!Array.isArray(designators) || designators.length > DESIGNATORS_MAX) return parseFault(0, 'no designators');
  const read = designators.map(designatorOf);
  const bad = read.find(isParseFault);
  if (bad !== undefined) return bad;
  const [vendor, product, revision] = texts as readonly [string, string, string];
  const named = { vendor, product, revision, designators: read as Designator[] };
  return serial === undefined ? named : { ...named, serial: serial as string };
}

function isAscii(value: unknown, max: number): boolean {
  return typeof value === 'string' && value.length <= max && /^[\x20-\x7e]*$/.test(value);
}

function designatorOf(value: unknown): Designator | ParseFault {
  const { type, codeSet, hex } = (value ?? {}) as Record<string, unknown>;
  const isNibble = (one: unknown): one is number =>
    Number.isInteger(one) && (one as number) >= 0 && (one as number) < 16;
  const isHex = typeof hex === 'string' && /^(?:[0-9a-f]{2})+$/.test(hex) && hex.length <= 2 * DESIGNATOR_BYTES_MAX;
  if (!isNibble(type) || !isNibble(codeSet) || !isHex) return parseFault(0, 'a designator that is none');
  return { association: ASSOCIATION_LU, type, codeSet, bytes: Uint8Array.from(Buffer.from(hex, 'hex')) };
}
