import { type Connection, cdbBytes } from './connection.ts';
import { type IoProcess, type NexusIds, nexusKey } from './ioProcess.ts';
import type { Processes } from './processes.ts';
import { COMMAND, DATA_IN, DATA_OUT, NO_PHASE, STATUS } from './word.ts';

/** Processes that began before the source did, or in a hole; more put their target in doubt at once. */
const GHOSTS_MAX = 4096;

/** Finds the process that a connection is for, and remembers those whose command nobody saw. */
export class Finder {
  private readonly processes: Processes;
  private readonly known = new Map<number, NexusIds>();
  /** Connections of nobody knows whom that left the bus for a while, and ghosts that came back. */
  private strangers = 0;
  private strangersBack = 0;

  constructor(processes: Processes) {
    this.processes = processes;
  }

  /** The process of a connection, as soon as something needs it: a whole CDB starts one, a reselection finds one. */
  processOf(connection: Connection, writes: boolean): IoProcess | undefined {
    if (connection.ghost || connection.farewell === 'complete') return connection.io;
    const { cdb, ids } = connection;
    if (connection.linked && cdb.length === 0) return undefined;
    if (cdb.length > 0) {
      const need = cdbBytes(cdb);
      if (connection.cdbWrong || (need > 0 && need !== cdb.length) || ids.target < 0) {
        connection.cdb.length = 0;
        connection.io = undefined;
        connection.ghost = true;
        // The last command's, if there was one in this connection.
        if (!connection.identified) ids.lun = -1;
        return undefined;
      }
      const bytes = Uint8Array.from(cdb);
      connection.cdb.length = 0;
      // Without IDENTIFY the CDB names the LUN; with it, hosts may repeat it there (SCSI-2).
      if (!connection.identified) ids.lun = bytes.length > 1 ? bytes[1] >> 5 : 0;
      if (bytes.length > 1 && bytes[1] >> 5 === ids.lun) bytes[1] &= 0x1f;
      connection.io = this.processes.start(ids, bytes, writes, connection.sent);
      this.unseen(connection, connection.io);
      return connection.io;
    }
    if (connection.io === undefined && connection.reselected && (connection.identified || !this.anyIdentified(ids))) {
      connection.io = this.find(connection);
      if (connection.io === undefined) this.startGhost(connection);
      else {
        connection.io.restore();
        // Those that were open have been told of longer holes already.
        if (connection.io.missedAt < 0) this.unseen(connection, connection.io);
        connection.io.missedAt = -1;
      }
    } else if (connection.io === undefined && connection.kills < 0 && connection.identified) {
      if (connection.phase === STATUS || connection.phase === DATA_OUT || connection.phase === DATA_IN)
        connection.ghost = true;
    }
    if (connection.io === undefined && !connection.identified && (connection.phase & 4) === 0) {
      if (connection.phase !== COMMAND && connection.phase !== NO_PHASE) connection.ghost = true;
    }
    return connection.io;
  }

  /** Some of its data may have passed before it was known whose it was. */
  private unseen(connection: Connection, io: IoProcess): void {
    if (connection.blindNs > 0) io.touch(io.pointer, connection.blindNs);
    connection.blindNs = 0;
  }

  private anyIdentified(ids: NexusIds): boolean {
    // A target reselects without IDENTIFY only a host that never identifies (SCSI-1).
    return [...this.processes.open.values()].every(
      (one) => one.ids.target !== ids.target || one.ids.initiator !== ids.initiator,
    );
  }

  private find(connection: Connection): IoProcess | undefined {
    const { ids } = connection;
    const exact = this.processes.open.get(nexusKey(ids));
    if (exact !== undefined || connection.identified) return exact;
    const mine = [...this.processes.open.values()].filter(
      (one) => one.ids.target === ids.target && one.ids.initiator === ids.initiator,
    );
    return mine.length === 1 ? mine[0] : undefined;
  }

  /** It goes on with a command that was not seen. */
  private startGhost(connection: Connection): void {
    connection.ghost = true;
    const key = nexusKey(connection.ids);
    if (this.known.has(key)) return;
    this.strangersBack++;
    if (this.known.size < GHOSTS_MAX) this.known.set(key, { ...connection.ids });
    else this.processes.doubt(connection.ids.target);
  }

  /** A connection whose command was not seen is over: it may have written anywhere on the LUs that it can mean. */
  ended(connection: Connection): void {
    const { ids } = connection;
    if (connection.farewell === 'disconnect') {
      if (ids.target < 0) this.strangers++;
      else if (connection.dataIn === 0 && this.known.size < GHOSTS_MAX) this.known.set(nexusKey(ids), { ...ids });
      return;
    }
    if (ids.target >= 0) this.known.delete(nexusKey(ids));
    if (connection.dataIn > 0 && connection.dataOut === 0) return;
    // BUSY, RESERVATION CONFLICT, QUEUE FULL: refused before anything happened.
    const refused = connection.status === 0x08 || connection.status === 0x18 || connection.status === 0x28;
    if (refused && connection.dataOut === 0 && connection.statusSure) return;
    this.processes.doubt(ids.target, ids.lun);
  }

  /** Nothing of what was open comes back: where ghosts may have written is in doubt. */
  over(): void {
    for (const ids of this.known.values()) this.processes.doubt(ids.target, ids.lun);
    this.known.clear();
    if (this.strangers > this.strangersBack) this.processes.doubt();
    this.strangers = 0;
    this.strangersBack = 0;
  }
}
