import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { askControl } from '../../../../hw/controlClient.ts';
import type { ControlServer } from '../../../../hw/controlServer.ts';
import type { Log } from '../../../../hw/log.ts';
import { loadUnit } from '../../../../src/unit/config/config.ts';
import { startUnit } from '../../../../src/unit/live/live.ts';
import { serveControl } from '../../../../src/unit/steer/control.ts';
import type { RunningUnit, UnitStatus } from '../../../../src/unit/watch/status.ts';
import { freePort } from '../../../kit/freePort.ts';
import { Heard } from '../../../live/kit/until.ts';

/** A line of a unit's log. */
export interface Line {
  message: string;
  to?: string;
  mirror?: string;
  text?: string;
}

/** A unit in this process, with a tee in front of a target that nobody asks: its volume's media are files, so they can be written and spoilt here. */
export class SteeredUnit {
  readonly folder: string;
  lines = new Heard<Line>();
  unit!: RunningUnit;
  readonly #lu: string;
  #control: ControlServer | undefined;
  #started = false;

  constructor(folder: string, lu: string) {
    this.folder = folder;
    this.#lu = lu;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Writes its configuration: one volume, `disk`, with these mirrors. */
  async configure(mirrors: readonly unknown[], changes: object = {}): Promise<void> {
    const volume = { lu: this.#lu, name: 'disk', blockSize: 512, first: 'file:first', mirrors };
    const port = await freePort();
    const source = { tee: { listen: `127.0.0.1:${port}`, target: '127.0.0.1:9' } };
    const config = { source, state: 'state', settleMs: 0, volumes: [volume], ...changes };
    await writeFile(this.path('unit.json'), JSON.stringify(config));
  }

  async start(): Promise<void> {
    const { config, mirrors } = await loadUnit(this.path('unit.json'), {});
    this.lines = new Heard();
    const add = (message: string, fields = {}): void => this.lines.add({ message, ...fields });
    const log: Log = { error: add, warn: add, info: add, debug: add };
    this.unit = await startUnit(config, { log, mirrors });
    this.#started = true;
    this.#control = await serveControl(config.control, this.unit, log);
  }

  ask(request: { do: string } & Record<string, unknown>): Promise<unknown> {
    return askControl(this.path('state/control.sock'), request);
  }

  async status(): Promise<UnitStatus> {
    return (await this.ask({ do: 'status' })) as UnitStatus;
  }

  /** This mirror's file is what the first volume's is. */
  equal(name: string): void {
    assert.ok(readFileSync(this.path('first')).equals(readFileSync(this.path(name))), `${name} is not what first is`);
  }

  /** Nothing happens where it does not run. */
  async stop(): Promise<void> {
    if (!this.#started) return;
    this.#started = false;
    await this.unit.stop({ withinMs: 5000 });
    await this.#control?.close();
    this.#control = undefined;
  }
}
