import { serviceActionOf } from '../../parsers/scsi/opcodes.ts';
import { atomicCommands } from './atomic.ts';
import { basicCommands } from './basics.ts';
import { cacheCommands } from './cache.ts';
import type { Command } from './command.ts';
import { copyCommands } from './copy.ts';
import { diagnosticCommands } from './diagnostics.ts';
import { inquiryCommand } from './inquiry.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import { mediumCommands } from './medium.ts';
import { modeSelectCommands } from './modeSelect.ts';
import { modeSenseCommands } from './modeSense.ts';
import { readWriteCommands } from './readWrite.ts';
import { reportLunsCommand } from './reportLuns.ts';
import { reserveCommands } from './reserve.ts';
import { reserveInCommands } from './reserveIn.ts';
import { reserveOutCommands } from './reserveOut.ts';
import { sanitizeCommands } from './sanitize.ts';
import { supportedCommand } from './supported.ts';
import { thinCommands } from './thin.ts';
import { tokenCommands } from './tokenCommands.ts';
import { verifyCommands } from './verify.ts';

/** Every command of a logical unit. */
const entries: readonly Command[] = [
  ...basicCommands,
  inquiryCommand,
  ...readWriteCommands,
  ...modeSenseCommands,
  ...cacheCommands,
  ...verifyCommands,
  ...atomicCommands,
  ...thinCommands,
  ...reserveInCommands,
  ...reserveOutCommands,
  ...reserveCommands,
  ...modeSelectCommands,
  ...mediumCommands,
  ...diagnosticCommands,
  ...copyCommands,
  ...tokenCommands,
  ...sanitizeCommands,
  reportLunsCommand,
  supportedCommand(() => entries),
];

const plain: (Command | undefined)[] = new Array(256).fill(undefined);
const actions = new Map<number, Command>();
for (const entry of entries) {
  if (entry.action < 0) plain[entry.opcode] = entry;
  else actions.set(entry.opcode * 65536 + entry.action, entry);
}

/** The command that a CDB asks for. */
export function commandOf(cdb: Uint8Array): Command | undefined {
  return plain[cdb[0]] ?? actionCommand(cdb);
}

function actionCommand(cdb: Uint8Array): Command | undefined {
  const action = serviceActionOf(cdb, 0, cdb.length);
  return action < 0 ? undefined : actions.get(cdb[0] * 65536 + action);
}

/** Whether a unit has commands of that opcode that are told apart by their service action. */
export function hasActions(opcode: number, unit: LogicalUnit): boolean {
  return entries.some((entry) => entry.opcode === opcode && entry.action >= 0 && entry.offered?.(unit) !== false);
}
