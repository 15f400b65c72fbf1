import type { LeaseRoom } from '../../base/change.ts';
import type { Connection } from './connection.ts';
import type { Processes } from './processes.ts';
import { DATA_OUT } from './word.ts';

const CHUNK = 8192;

/** Gathers the bytes of data phases, so that processes take them in runs. */
export class Transfer {
  private readonly room: LeaseRoom | undefined;
  private readonly processes: Processes;
  private readonly chunk = new Uint8Array(CHUNK);
  private filled = 0;
  /** Bytes of the chunk that are not believed. */
  private readonly wrong: number[] = [];

  constructor(room: LeaseRoom | undefined, processes: Processes) {
    this.room = room;
    this.processes = processes;
  }

  /** What was gathered is nobody's. */
  clear(): void {
    this.filled = 0;
    this.wrong.length = 0;
  }

  byte(connection: Connection, byte: number, wrong: boolean): void {
    if (wrong) this.wrong.push(this.filled);
    this.chunk[this.filled++] = byte;
    if (this.filled === CHUNK) this.flush(connection);
  }

  flush(connection: Connection): void {
    const length = this.filled;
    if (length === 0) return;
    this.filled = 0;
    const at = connection.io?.pointer ?? 0;
    this.moved(connection, this.chunk, length);
    for (const i of this.wrong) connection.io?.task.disbelieve(at + i, 1);
    this.wrong.length = 0;
  }

  moved(connection: Connection, bytes: Uint8Array | undefined, length: number): void {
    if (connection.phase === DATA_OUT) connection.dataOut += length;
    else connection.dataIn += length;
    const { io } = connection;
    if (io === undefined) return;
    io.move(bytes, length, this.room);
    this.processes.dataMoved(io);
  }
}
