import { ACK, ATN, BSY, CD, IO, MSG, REQ, RST, SEL } from '../../base/samples.ts';

/** All lines of the bus in one number: control in bits 0-8, DB(15-0) above it, DB(P1) and DB(P0) on top. */
export type BusWord = number;

const DATA_AT = 9;
const PARITY_AT = 25;

export function busWord(control: number, data: number, parity: number): BusWord {
  return (control & 0x1ff) | ((data & 0xffff) << DATA_AT) | ((parity & 3) << PARITY_AT);
}

export function dataOf(word: BusWord): number {
  return (word >> DATA_AT) & 0xffff;
}

export { ACK, ATN, BSY, IO, REQ, RST, SEL };

/** Information transfer phases by MSG, C/D and I/O (SPI-5 section 10): C/D is bit 0, I/O bit 1, MSG bit 2. */
export const DATA_OUT = 0;
export const COMMAND = 1;
export const DATA_IN = 2;
export const STATUS = 3;
/** Data phases with double transition clocking (SPI-5 section 4.11). */
export const DT_DATA_OUT = 4;
export const MESSAGE_OUT = 5;
export const DT_DATA_IN = 6;
export const MESSAGE_IN = 7;
/** None so far. */
export const NO_PHASE = -1;

export const PHASE_NAMES: readonly string[] = [
  'DATA OUT',
  'COMMAND',
  'DATA IN',
  'STATUS',
  'DT DATA OUT',
  'MESSAGE OUT',
  'DT DATA IN',
  'MESSAGE IN',
];

/** The information transfer phase that the lines call. */
export function phaseOf(word: BusWord): number {
  return ((word & CD) !== 0 ? 1 : 0) | ((word & IO) !== 0 ? 2 : 0) | ((word & MSG) !== 0 ? 4 : 0);
}

/** 1 for bytes with an odd number of ones. */
const ODD = Uint8Array.from({ length: 256 }, (_, value) => {
  let odd = 0;
  for (let bits = value; bits > 0; bits >>= 1) odd ^= bits & 1;
  return odd;
});

/** Bit 0: DB(7-0) has wrong parity, bit 1: DB(15-8) has; parity is odd (SPI-5 section 8). */
export function wrongParity(word: BusWord): number {
  const data = dataOf(word);
  const low = ODD[data & 0xff] ^ ((word >> PARITY_AT) & 1);
  const high = ODD[data >> 8] ^ ((word >> (PARITY_AT + 1)) & 1);
  return (low === 0 ? 1 : 0) | (high === 0 ? 2 : 0);
}
