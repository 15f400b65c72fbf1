import { u16 } from '../../../parsers/bytes.ts';
import { BHS_BYTES } from '../../../parsers/iscsi/opcodes.ts';
import type { PduSplitter } from '../../../parsers/iscsi/splitter.ts';
import { parseCdb } from '../../../parsers/scsi/cdb.ts';
import type { Task } from '../task.ts';

/** Where a CDB and its continuation are put together; used only within one call. */
const scratch = new Uint8Array(16 + 1024);

/** Reads the CDB of a SCSI Command PDU; an extended one continues in an AHS of type 1 (RFC 7143 section 11.2.2.3). */
export function readCdb(task: Task, pdu: PduSplitter): void {
  const { bhs: b, bhsAt: at } = pdu;
  for (let i = at + BHS_BYTES, end = i + pdu.ahsBytes; i + 4 <= end; ) {
    const length = u16(b, i);
    if (b[i + 2] === 1 && length > 1 && i + 3 + length <= end) {
      scratch.set(b.subarray(at + 32, at + 48), 0);
      scratch.set(b.subarray(i + 4, i + 3 + length), 16);
      parseCdb(scratch, 0, 16 + length - 1, task.cdb);
      return;
    }
    i += (3 + length + 3) & ~3;
  }
  parseCdb(b, at + 32, 16, task.cdb);
}
