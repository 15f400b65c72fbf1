import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertSame, MiB, used } from './files.ts';
import { Istgt } from './istgt.ts';
import { Load, type LoadOrder } from './load.ts';
import { Net } from './net.ts';
import type { Operation } from './operations.ts';
import { need, type Part } from './parts.ts';
import { Processes, run } from './processes.ts';
import { Tgt, type TgtOptions } from './tgt.ts';
import { Unit, writeConfig } from './unit.ts';

export const IQN = 'iqn.2024-01.lab.example:live';
/** Of every volume, unless a test needs another. */
export const SIZE: number = 32 * MiB;
/** Where the target and the tee are, as the host sees them. */
export const TARGET = '10.67.0.2:14700';
export const TARGET6 = '[fd67::2]:14700';
export const TEE = '10.67.0.2:14701';
export const TEE6 = '[fd67::2]:14701';
/** The second bus: only the unit is on it. */
export const SECOND = '127.0.0.1:14710';

/** Everything that writes in a way of its own, on an LU that can be thin. */
export const WRITES: readonly Operation[] = [
  'w10',
  'w10',
  'w12',
  'w16',
  'fua',
  'wv10',
  'wv16',
  'same10',
  'same16',
  'same16u',
  'unmap',
  'sync',
  'r10',
];

/** One test's host, target, unit and what it needs more; all of it is gone after `close`. */
export class Bench {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'tapmirror-live-'));
  readonly processes: Processes = new Processes();
  readonly net: Net = new Net();
  readonly #after: (() => Promise<unknown>)[] = [];
  #units: Unit[] = [];
  #loads = 0;
  /** Namespaces, once there are any. */
  host = '';
  target = '';

  /** A host and a target, `h0` and `t0`, with a cable between them. The unit is at the target's end unless a test has it elsewhere. */
  async cable(mtu = 1500): Promise<void> {
    this.host = await this.net.space('host');
    this.target = await this.net.space('target');
    await this.net.cable(
      { space: this.host, name: 'h0', addresses: ['10.67.0.1/24', 'fd67::1/64'] },
      { space: this.target, name: 't0', addresses: ['10.67.0.2/24', 'fd67::2/64'] },
      mtu,
    );
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** A sparse file; with a seed a part of it was used before. */
  image(name: string, { bytes = SIZE, seed = 0 } = {}): string {
    const path = this.path(name);
    writeFileSync(path, '');
    truncateSync(path, bytes);
    if (seed > 0) used(path, 2 * MiB, 3 * MiB, seed);
    return path;
  }

  /** A block device with this image behind it. Only it is let go at the end, whatever others there are. */
  async loop(image: string): Promise<string> {
    const device = (await run(undefined, ['losetup', '--find', '--show', image])).trim();
    this.later(() => run(undefined, ['losetup', '--detach', device]));
    return device;
  }

  async tgt(options: Partial<TgtOptions> & Pick<TgtOptions, 'luns'>): Promise<Tgt> {
    const tgt = new Tgt(this.processes, { space: this.target, portals: [TARGET], target: IQN, ...options });
    this.#after.push(() => tgt.stop());
    await tgt.start();
    return tgt;
  }

  /** The first volume's target with one LU, `first.img`, LUN 1. */
  first(options: Partial<TgtOptions> = {}, image: string = this.image('first.img', { seed: 1 })): Promise<Tgt> {
    return this.tgt({ luns: [{ lun: 1, image }], ...options });
  }

  /** The second volume's target with one LU, `second.img`, LUN 1. */
  second(options: Partial<TgtOptions> = {}, image: string = this.image('second.img', { seed: 2 })): Promise<Tgt> {
    return this.tgt({ portals: [SECOND], target: `${IQN}-second`, luns: [{ lun: 1, image }], ...options });
  }

  async istgt(name: string, portal: string, image: string, target: string): Promise<Istgt> {
    const options = { space: this.target, folder: this.path(name), portal, target, image };
    const istgt = new Istgt(this.processes, options);
    this.#after.push(() => istgt.stop());
    await istgt.start();
    return istgt;
  }

  /** A unit that may or may not become ready; `name` is its own, for its state folder and its control socket. */
  launch(config: object, { name = 'unit', space = this.target, env = {} } = {}): Unit {
    const { config: path, control } = writeConfig(this.folder, name, config);
    const unit = new Unit(this.processes, space, path, control, env);
    this.#units.push(unit);
    return unit;
  }

  async unit(
    config: object,
    options: { name?: string; space?: string; env?: Record<string, string> } = {},
  ): Promise<Unit> {
    const unit = this.launch(config, options);
    await unit.ready();
    return unit;
  }

  /** A host that works, logged in. */
  load(order: Partial<LoadOrder> = {}, space: string = this.host): Promise<Load> {
    const n = ++this.#loads;
    const rest = { url: lu(TARGET), initiator: `iqn.2024-01.lab.example:host-${n}`, seed: n, operations: WRITES };
    return new Load(this.processes, space, { ...rest, ...order }).ready();
  }

  same(first: string, ...mirrors: string[]): void {
    assertSame(
      this.path(first),
      mirrors.map((one) => this.path(one)),
    );
  }

  /** Something to be undone at the end, the last first. */
  later(undo: () => Promise<unknown>): void {
    this.#after.push(undo);
  }

  /** The last words of every unit, for a test that failed. */
  words(): string {
    return this.#units.map((unit) => unit.said.split('\n').slice(-12).join('\n')).join('\n---\n');
  }

  /** Everything is undone, whatever of it fails; the first failure is then told. */
  async close(): Promise<void> {
    const undo = [() => this.processes.close(), ...this.#after.reverse(), () => this.net.close()];
    const failures: unknown[] = [];
    for (const one of undo) await one().catch((error: unknown) => failures.push(error));
    rmSync(this.folder, { recursive: true, force: true });
    if (failures.length > 0) throw failures[0];
  }
}

/** The LU of a target, LUN 1 unless said otherwise. */
export function lu(portal: string, target = IQN, lun = 1): string {
  return `iscsi://${portal}/${target}/${lun}`;
}

/** A volume of the usual name with the usual first volume, and its mirrors. */
export function volume(...mirrors: unknown[]): { lu: string; first: string; mirrors: unknown[] } {
  return { lu: `${IQN}/1`, first: lu(TARGET), mirrors };
}

export const TAP = { tap: { interfaces: ['t0'], portals: [TARGET], bufferBytes: '64MiB' } };
export const TEE_SOURCE = { tee: { listen: TEE, target: TARGET } };

/** The mirror at the second bus. */
export const SECOND_LU: string = lu(SECOND, `${IQN}-second`);

/** A suite of live tests, each with a bench of its own and a host, a target and a cable on it. */
export function describeLive(title: string, parts: readonly Part[], body: (bench: () => Bench) => void): void {
  describe(title, function () {
    this.timeout(180_000);
    let bench: Bench;
    before(function () {
      return need(this, parts);
    });
    beforeEach(async () => {
      bench = new Bench();
      await bench.cable();
    });
    afterEach(async function () {
      if (this.currentTest?.state === 'failed') console.log(bench.words());
      await bench.close();
    });
    body(() => bench);
  });
}
