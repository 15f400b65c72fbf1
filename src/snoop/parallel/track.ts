import type { Bus } from '../bus.ts';
import type { Agreement } from './agreements.ts';
import type { Connection } from './connection.ts';
import type { Finder } from './finder.ts';
import type { Processes } from './processes.ts';
import { DATA_OUT, DT_DATA_IN, DT_DATA_OUT } from './word.ts';

/** Whether COMMAND and data phases follow each other as they must; where not, samples are missing. */
export class Track {
  private readonly bus: Bus;
  private readonly processes: Processes;
  private readonly finder: Finder;

  constructor(bus: Bus, processes: Processes, finder: Finder) {
    this.bus = bus;
    this.processes = processes;
    this.finder = finder;
  }

  /** A COMMAND phase begins. */
  command(connection: Connection): void {
    const { io } = connection;
    if (io !== undefined && !connection.linked && io.high > 0) {
      // A command within a command: what ended the first one was not seen.
      this.lostTrack(connection);
    }
    connection.linked = false;
    connection.cdb.length = 0;
    connection.cdbWrong = connection.torn;
  }

  /** A data phase begins. `narrow`: only eight data lines are seen. */
  data(connection: Connection, phase: number, { packets, width }: Agreement, narrow: boolean): void {
    const io = this.finder.processOf(connection, phase === DATA_OUT || phase === DT_DATA_OUT);
    if (io === undefined) return;
    const out = phase === DATA_OUT || phase === DT_DATA_OUT;
    const { task } = io;
    if (out) this.processes.carriesOut(io);
    if (phase === DT_DATA_OUT || phase === DT_DATA_IN || packets) {
      this.bus.notice('dt', 'double transition clocking is not understood: what was written so is in doubt');
      io.spoil();
      io.touch(io.pointer, 0);
    } else if (narrow && width === 2) {
      this.bus.notice(
        'narrow',
        'transfers are 16 bits wide and only 8 data lines are seen: what is written so is in doubt',
      );
      io.spoil();
      io.touch(io.pointer, 0);
    } else if (
      task.cdb.operation.known &&
      (task.reads !== task.writes || !task.reads) &&
      out !== task.writes &&
      !io.spoiled
    ) {
      // The command does not go this way: two commands run into each other, and what lies between was not seen.
      this.lostTrack(connection);
    }
  }

  /** Samples are missing without a sign but this one. */
  private lostTrack(connection: Connection): void {
    this.bus.notice('track', 'phases do not follow each other as they must: samples are missing');
    if (connection.io !== undefined) this.processes.end(connection.io, 'status-lost');
    connection.io = undefined;
    connection.ghost = true;
    this.processes.doubt();
  }
}
