import type { ChildProcess } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import type { UnitStatus } from '../../../src/unit/watch/status.ts';
import { type Script, ScriptedProbe } from '../../kit/scriptedProbe.ts';
import type { Processes } from './processes.ts';
import { until, when } from './until.ts';

/** They say that the bus is quiet, in any order with the status. */
const BEATS = 3;
/** Of what a heartbeat tells of the probe's buffer. */
const UNIT = 1 / 0xffff;

/** A cable: a pseudo terminal whose other end is a scripted probe. Pulling it ends the terminal. */
export class Cable {
  probe: ScriptedProbe | undefined;
  readonly port: string;
  private readonly processes: Processes;
  private socat: ChildProcess | undefined;
  private marks = 0;

  constructor(port: string, processes: Processes) {
    this.port = port;
    this.processes = processes;
  }

  async plug(stream: Uint8Array, script: Script = {}): Promise<ScriptedProbe> {
    const socat = this.processes.start(
      undefined,
      ['socat', `pty,raw,echo=0,link=${this.port}`, '-'],
      ['pipe', 'pipe', 'inherit'],
    );
    this.socat = socat;
    const send = (bytes: Uint8Array): void => void socat.stdin?.write(bytes);
    const probe = new ScriptedProbe(stream, send, script);
    socat.stdin?.on('error', () => {});
    socat.stdout?.on('data', (bytes: Uint8Array) => probe.receive(bytes));
    this.probe = probe;
    await until('the terminal', () => when(existsSync(this.port)));
    return probe;
  }

  write(bytes: Uint8Array): void {
    this.socat?.stdin?.write(bytes);
  }

  /** Everything that was sent until now has been decoded: heartbeats that tell another share of the buffer come behind it. */
  async caughtUp(unit: {
    until(what: string, fits: (status: UnitStatus) => boolean): Promise<unknown>;
  }): Promise<void> {
    if (this.probe === undefined) return;
    const mark = ++this.marks * UNIT;
    this.probe.filled = mark;
    let seen = Number.POSITIVE_INFINITY;
    await unit.until('heartbeats', ({ source: { filled, counts } }) => {
      const { packets } = counts as { packets: number };
      if (Math.abs((filled as number) - mark) < UNIT / 2) seen = Math.min(seen, packets);
      return packets >= seen + BEATS;
    });
  }

  async pull(): Promise<void> {
    this.probe?.stop();
    if (this.socat !== undefined) await this.processes.end(this.socat);
    rmSync(this.port, { force: true });
  }
}
