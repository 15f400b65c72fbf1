import { u16, u32 } from '../../../parsers/bytes.ts';
import { FINAL, READ, WRITE } from '../../../parsers/iscsi/headers.ts';
import { NO_TAG } from '../../../parsers/iscsi/opcodes.ts';
import { Reject } from '../../../parsers/iscsi/responses.ts';
import type { TaskAttribute } from '../../base/device.ts';
import type { Connection } from './connection.ts';
import type { Request } from './request.ts';
import type { Session } from './session.ts';
import { Task } from './task.ts';

/** RFC 7143 section 11.3.1; the others are reserved. */
const ATTRIBUTES: readonly TaskAttribute[] = ['untagged', 'simple', 'ordered', 'headOfQueue', 'aca'];
/** Additional header segments, section 11.2.2.2. */
const EXTENDED_CDB = 1;
const BIDIRECTIONAL_READ = 2;

/** What additional header segments say; undefined where they are none. */
function readAhs(ahs: Uint8Array, cdb: Uint8Array): { cdb: Uint8Array; readLength: number | undefined } | undefined {
  let whole = cdb;
  let readLength: number | undefined;
  let at = 0;
  while (at < ahs.length) {
    const length = u16(ahs, at);
    const end = at + 3 + length;
    if (length === 0 || end > ahs.length) return undefined;
    if (ahs[at + 2] === EXTENDED_CDB) {
      // Byte 3 is reserved, and counted.
      whole = new Uint8Array(16 + length - 1);
      whole.set(cdb);
      whole.set(ahs.subarray(at + 4, end), 16);
    } else if (ahs[at + 2] === BIDIRECTIONAL_READ) {
      if (length !== 5) return undefined;
      readLength = u32(ahs, at + 4);
    }
    at = end + (-end & 3);
  }
  return { cdb: whole, readLength };
}

/** A SCSI Command's header (RFC 7143 section 11.3): its task, or the reason why it is rejected. */
export function makeTask(connection: Connection, session: Session, request: Request): Task | number {
  const { itt, flags, ahs, immediate, bytes } = request;
  if (itt === NO_TAG) return Reject.invalidField;
  if (session.tasks.all.has(itt)) return Reject.taskInProgress;
  const reads = (flags & READ) !== 0;
  const writes = (flags & WRITE) !== 0;
  const edtl = request.word20;
  let cdb = request.cdb;
  let dataIn = reads ? edtl : 0;
  if (ahs.length > 0) {
    const more = readAhs(ahs, cdb);
    if (more === undefined) return Reject.invalidField;
    cdb = more.cdb;
    if (reads && writes) dataIn = more.readLength ?? -1;
  } else if (reads && writes) dataIn = -1;
  // Both directions need both lengths (section 11.3.4).
  if (dataIn < 0) return Reject.invalidField;
  return new Task(
    connection,
    session,
    session.nexus,
    request.lun,
    cdb,
    u32(bytes, 8),
    u32(bytes, 12),
    itt,
    ATTRIBUTES[flags & 7] ?? 'simple',
    writes ? edtl : 0,
    dataIn,
    immediate,
  );
}

/** No unsolicited data follows the request. */
export function isFinal(request: Request): boolean {
  return (request.flags & FINAL) !== 0;
}
