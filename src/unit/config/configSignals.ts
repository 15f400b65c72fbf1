import type { SignalNames, SignalRole } from '../../base/samples.ts';
import { type Check, group, list, nearest, oneOf, type Reading, text } from './configCheck.ts';
import { kindWords, quoted } from './configTree.ts';

const ROLES: readonly SignalRole[] = [
  'BSY',
  'SEL',
  'CD',
  'IO',
  'MSG',
  'REQ',
  'ACK',
  'ATN',
  'RST',
  'DB',
  'DBP0',
  'DBP1',
];

interface RawSignal {
  name: string | string[];
  active: 'low' | 'high';
}

const signalName = text(
  (words): Reading<string> =>
    words.trim() === '' ? { wrong: 'no name', mend: 'write the name as the trace has it' } : { value: words },
  'nREQ',
);
const signalNames = list(signalName, 1, '["DB0", "DB1"]');

/** A name; for the data bus also the names of its lines, from DB(0) on. */
const names: Check<string | string[]> = (node, where, book) =>
  node.kind === 'list' ? signalNames(node, where, book) : signalName(node, where, book);

const signal = group<RawSignal>({
  name: { check: names, required: 'write "name": "nREQ"' },
  active: { check: oneOf(['low', 'high']), required: 'write "active": "low" where a low level asserts the line' },
});

/** What the lines of the bus are called in a trace: roles (BSY, REQ, DB, ...) and their signals. */
export const signals: Check<SignalNames> = (node, where, book) => {
  if (node.kind !== 'map') {
    const mend = 'write {"REQ": {"name": "nREQ", "active": "low"}, ...}';
    book.push({ at: node.at, where, wrong: `a group of signals is expected, not ${kindWords(node)}`, mend });
    return undefined;
  }
  const found: Partial<Record<SignalRole, RawSignal>> = {};
  for (const { key, keyAt, value } of node.entries) {
    const here = `${where}.${key}`;
    const role = ROLES.find((one) => one === key);
    if (role === undefined) {
      const near = nearest(key, ROLES);
      const mend = near === undefined ? `known here: ${ROLES.join(', ')}` : `did you mean ${quoted(near)}?`;
      book.push({ at: keyAt, where: here, wrong: `${quoted(key)} is no line of the bus`, mend });
      continue;
    }
    const read = signal(value, here, book);
    if (read !== undefined) found[role] = read;
  }
  return found;
};
