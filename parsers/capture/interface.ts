import { type ParseFault, parseFault } from '../../src/base/fault.ts';
import { u16, u32 } from './word.ts';

/** What an Interface Description Block says about the frames that name it (draft-ietf-opsawg-pcapng section 4.2). */
export interface CaptureInterface {
  /** LINKTYPE_ value. */
  link: number;
  /** Longest capture; 0 is no limit. */
  snapLength: number;
  /** Units of a time stamp in a second where that is 10^9 or a smaller power of ten, else 0. */
  units: number;
  /** The same, exact for every resolution. */
  unitsBig: bigint;
  /** Seconds to add to every time stamp. */
  offsetSeconds: number;
  /** Bytes of frame check sequence at the end of each frame. */
  fcs: number;
}

const OPT_END = 0;
const IF_TSRESOL = 9;
const IF_FCSLEN = 13;
const IF_TSOFFSET = 14;
const EPB_FLAGS = 2;

/** Reads the block's body `bytes[at, end)`: fixed part, then options. */
export function readInterface(
  bytes: Uint8Array,
  at: number,
  end: number,
  little: boolean,
): CaptureInterface | ParseFault {
  if (end - at < 8) return parseFault(at, 'an interface description is too short');
  const made: CaptureInterface = {
    link: u16(bytes, at, little),
    snapLength: u32(bytes, at + 4, little),
    units: 1_000_000,
    unitsBig: 1_000_000n,
    offsetSeconds: 0,
    fcs: 0,
  };
  let option = at + 8;
  while (option + 4 <= end) {
    const code = u16(bytes, option, little);
    const length = u16(bytes, option + 2, little);
    const value = option + 4;
    if (code === OPT_END) break;
    if (value + length > end) return parseFault(option, 'an interface option runs past its block');
    if (code === IF_TSRESOL && length >= 1) {
      setResolution(made, bytes[value]);
    } else if (code === IF_FCSLEN && length >= 1) {
      // The standard counts bits, but some writers count bytes; no check sequence is shorter than a byte.
      made.fcs = bytes[value] >= 8 ? bytes[value] >>> 3 : bytes[value];
    } else if (code === IF_TSOFFSET && length >= 8) {
      const high = u32(bytes, little ? value + 4 : value, little) | 0;
      const seconds = high * 0x100000000 + u32(bytes, little ? value : value + 4, little);
      if (!Number.isSafeInteger(seconds)) return parseFault(option, 'an interface has an absurd time offset');
      made.offsetSeconds = seconds;
    }
    option = value + ((length + 3) & ~3);
  }
  return made;
}

function setResolution(made: CaptureInterface, value: number): void {
  const power = value & 0x7f;
  const decimal = (value & 0x80) === 0;
  made.unitsBig = (decimal ? 10n : 2n) ** BigInt(power);
  made.units = decimal && power <= 9 ? 10 ** power : 0;
}

/**
 * Bytes of frame check sequence that a packet's own flags name (section 4.3.1: they override the interface's), or -1 when
 * the options `bytes[at, end)` do not say.
 */
export function readFlagsFcs(bytes: Uint8Array, at: number, end: number, little: boolean): number {
  let option = at;
  while (option + 4 <= end) {
    const code = u16(bytes, option, little);
    const length = u16(bytes, option + 2, little);
    if (code === OPT_END || option + 4 + length > end) break;
    if (code === EPB_FLAGS && length >= 4) {
      const fcs = (u32(bytes, option + 4, little) >>> 5) & 15;
      return fcs === 0 ? -1 : fcs;
    }
    option += 4 + ((length + 3) & ~3);
  }
  return -1;
}
