import { ACK, ATN, BSY, CD, IO, MSG, REQ, RST, SEL, type SignalRole } from '../../src/base/samples.ts';

/**
 * All lines of the bus in one word, as the readers of traces keep them: control (`src/base/samples.ts`) in bits 0-8, DB(0)
 * to DB(15) in bits 9-24, DB(P0) and DB(P1) in bits 25 and 26. Line n is bit n.
 */
export const DATA_LINE = 9;
export const PARITY_LINE = 25;
export const LINES = 27;

export const CONTROL_MASK = 0x1ff;
export const DATA_MASK = 0xffff;

/** The one line that a role means; DB's is its first. */
export const ROLE_LINE: Readonly<Record<SignalRole, number>> = {
  BSY: lineOf(BSY),
  SEL: lineOf(SEL),
  CD: lineOf(CD),
  IO: lineOf(IO),
  MSG: lineOf(MSG),
  REQ: lineOf(REQ),
  ACK: lineOf(ACK),
  ATN: lineOf(ATN),
  RST: lineOf(RST),
  DB: DATA_LINE,
  DBP0: PARITY_LINE,
  DBP1: PARITY_LINE + 1,
};

function lineOf(bit: number): number {
  return 31 - Math.clz32(bit);
}

/** A line's name for an operator: `BSY`, `DB(3)`, `DB(P0)`. */
export function lineName(line: number): string {
  if (line >= PARITY_LINE) return `DB(P${line - PARITY_LINE})`;
  if (line >= DATA_LINE) return `DB(${line - DATA_LINE})`;
  return Object.entries(ROLE_LINE).find(([, at]) => at === line)?.[0] ?? `line ${line}`;
}
