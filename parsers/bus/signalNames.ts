import type { SignalRole } from '../../src/base/samples.ts';

/** What a signal's name says by itself. `line` is set where one line of the data bus is named: 0 for DB(0). */
export interface UsualName {
  role: SignalRole;
  line: number | undefined;
  low: boolean;
}

/** Plain words for each role: without marks of polarity, punctuation and upper case. */
const WORDS: Readonly<Record<string, SignalRole>> = {
  bsy: 'BSY',
  busy: 'BSY',
  sel: 'SEL',
  select: 'SEL',
  cd: 'CD',
  io: 'IO',
  msg: 'MSG',
  message: 'MSG',
  req: 'REQ',
  request: 'REQ',
  ack: 'ACK',
  acknowledge: 'ACK',
  atn: 'ATN',
  attn: 'ATN',
  attention: 'ATN',
  rst: 'RST',
  reset: 'RST',
  dbp: 'DBP0',
  dbp0: 'DBP0',
  dbp1: 'DBP1',
  dp: 'DBP0',
  dp0: 'DBP0',
  dp1: 'DBP1',
  parity: 'DBP0',
  parity0: 'DBP0',
  parity1: 'DBP1',
};

const DATA = /^(?:db|d|data|databus)(\d{1,2})?$/;
const RANGE = /[[(<]\s*\d+\s*(?::|downto|to)\s*\d+\s*[\])>]/gi;
const LOW_BEFORE = /^[-/~!_]/;
const LOW_AFTER = /(?:[#*~!]|[_.][nNbBlL])$/;
/** A small n after capitals or digits: `BSYn`, `DB0n`. */
const LOW_LETTER = /[A-Z0-9]n$/;
const ADDRESS = /^(?:scsi|bus|pin|pi)+/;

/**
 * Which line of the bus a usual name means: `BSY`, `nBSY`, `-BSY`, `/BSY`, `BSY#`, `BSY_n`, `C/D`, `c_d`, `nDB [7:0]`,
 * `DB0`, `d7`, `DB(P)` ... Undefined for a name that is none of these.
 */
export function usualName(name: string): UsualName | undefined {
  let bare = name.replace(RANGE, '').trim();
  let low = false;
  if (bare.startsWith('\\')) bare = bare.slice(1); // Verilog's escape
  if (LOW_BEFORE.test(bare)) {
    low = true;
    bare = bare.slice(1);
  }
  const after = LOW_AFTER.exec(bare);
  if (after !== null) {
    low = true;
    bare = bare.slice(0, after.index);
  }
  const plain = bare.toLowerCase().replace(/[^a-z0-9]/g, '');
  const here = known(plain, low) ?? known(plain.replace(ADDRESS, ''), low);
  if (here !== undefined) return here;
  const negated = /^(?:scsi|bus|pin|pi)*n(.+)$/.exec(plain);
  if (negated !== null) {
    const found = known(negated[1], true);
    if (found !== undefined) return found;
  }
  return LOW_LETTER.test(bare) ? known(plain.slice(0, -1), true) : undefined;
}

function known(plain: string, low: boolean): UsualName | undefined {
  if (Object.hasOwn(WORDS, plain)) return { role: WORDS[plain], line: undefined, low };
  const data = DATA.exec(plain);
  if (data === null) return undefined;
  if (data[1] === undefined) return { role: 'DB', line: undefined, low };
  const line = Number(data[1]);
  return line < 16 ? { role: 'DB', line, low } : undefined;
}
