import { CACHING, CONTROL, CONTROL_EXTENSION, DISCONNECT, ERROR_RECOVERY, EXCEPTIONS, pageKey } from './modeKeys.ts';

/** One mode page: its values are whole pages, with their headers, PS not set. */
export interface ModePage {
  readonly key: number;
  readonly defaults: Uint8Array;
  /** Ones where MODE SELECT may change a bit. */
  readonly changeable: Uint8Array;
}

export const WCE = 0x04;
export const D_SENSE = 0x04;
export const SWP = 0x08;
export const TAS = 0x40;

function page(code: number, length: number, values: Readonly<Record<number, number>>): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[0] = code;
  bytes[1] = length - 2;
  for (const [at, value] of Object.entries(values)) bytes[Number(at)] = value;
  return bytes;
}

function mask(length: number, values: Readonly<Record<number, number>>): Uint8Array {
  const bytes = new Uint8Array(length);
  for (const [at, value] of Object.entries(values)) bytes[Number(at)] = value;
  return bytes;
}

function subpage(code: number, sub: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set([0x40 | code, sub, (length - 4) >> 8, length - 4]);
  return bytes;
}

/** The pages of a logical unit in ascending order, as MODE SENSE returns all of them. */
export function modePages(cache: boolean): readonly ModePage[] {
  return [
    // SBC-4 section 6.5.9: blocks are reallocated by what is below, without anybody being asked.
    { key: pageKey(ERROR_RECOVERY, 0), defaults: page(0x01, 12, { 2: 0xc0 }), changeable: mask(12, {}) },
    { key: pageKey(DISCONNECT, 0), defaults: page(0x02, 16, {}), changeable: mask(16, {}) },
    // SBC-4 section 6.5.6; without a cache WCE stays zero.
    {
      key: pageKey(CACHING, 0),
      defaults: page(0x08, 20, { 2: cache ? WCE : 0 }),
      changeable: mask(20, cache ? { 2: WCE } : {}),
    },
    // SPC-5 section 7.5.8: TST 001b, GLTSD (no log parameter is saved), unrestricted reordering.
    {
      key: pageKey(CONTROL, 0),
      defaults: page(0x0a, 12, { 2: 0x22, 3: 0x10 }),
      changeable: mask(12, { 2: D_SENSE, 4: SWP, 5: TAS }),
    },
    { key: CONTROL_EXTENSION, defaults: subpage(0x0a, 0x01, 32), changeable: mask(32, {}) },
    // SPC-5 section 7.5.17: DEXCPT, no informational exceptions are reported.
    { key: pageKey(EXCEPTIONS, 0), defaults: page(0x1c, 12, { 2: 0x08 }), changeable: mask(12, {}) },
  ];
}
