import { randomBytes } from 'node:crypto';
import { type LuStateFile, openLuState } from '../../hw/luState.ts';
import { TargetSockets } from '../../hw/targetSockets.ts';
import { packageVersion } from '../../hw/version.ts';
import { splitPortal } from '../base/address.ts';
import { Fault } from '../base/fault.ts';
import { createDevice, type Device } from '../device/device.ts';
import type { LunOptions } from '../device/options.ts';
import { chapAlgorithms } from '../iscsi/initiator/chap.ts';
import { TargetNode } from '../iscsi/target/node.ts';
import type { TargetLine, TargetSpec } from '../iscsi/target/types.ts';
import { lunIdentity } from './serveIdentity.ts';
import { ServeLu } from './serveLu.ts';
import { ServePump } from './servePump.ts';
import type { OpenedMedium, ServeLun, ServeOptions, ServeTarget } from './serveTypes.ts';

export interface ServeParts<Source> {
  options: ServeOptions<Source>;
  /** Opens where a logical unit's blocks lie. Rejects with a `Fault`. */
  open(lun: ServeLun<Source>, target: string): Promise<OpenedMedium>;
  /** Where a logical unit keeps its state; undefined where it keeps none, which is then told to those who want it kept. */
  statePath(lun: ServeLun<Source>, target: string): string | undefined;
  /** A name for a logical unit that keeps no state: nobody else's, and the same after a restart. */
  nameless(lun: ServeLun<Source>, target: string): string;
  notice(text: string): void;
}

const TICK_MS = 250;
const DEFAULT_BLOCK = 512;
/** How long hosts are asked to log out in at most, and how often it is looked whether they have. */
const LOGOUT_SECONDS = 3;
const POLL_MS = 20;

/** A logical unit that is being served. */
interface Served {
  target: string;
  lun: number;
  key: number;
  lu: ServeLu;
}

/** An iSCSI target: its listeners, sessions, logical units and their media. */
export class Serve<Source> {
  readonly #parts: ServeParts<Source>;
  readonly #served = new Map<number, Served>();
  readonly #devices = new Map<string, Device>();
  readonly #pump: ServePump;
  #node: TargetNode | undefined;
  #sockets: TargetSockets<TargetLine> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #keys = 0;

  private constructor(parts: ServeParts<Source>) {
    this.#parts = parts;
    this.#pump = new ServePump({
      lu: (key) => this.#served.get(key)?.lu,
      stopTasks: (tasks, then) => this.#node?.stopTasks(tasks, then),
      bug: (error) => parts.notice(`a mistake in tapmirror itself, please report it: ${words(error)}`),
    });
  }

  /** Opens every medium, then listens. Rejects with a `Fault` for what somebody has to mend, after closing everything. */
  static async open<Source>(parts: ServeParts<Source>): Promise<Serve<Source>> {
    const serve = new Serve(parts);
    try {
      await serve.#start();
    } catch (error) {
      await serve.close(0).catch(() => {});
      throw error;
    }
    return serve;
  }

  /** Where it listens, `IP:PORT`. */
  get portals(): string[] {
    const listening = this.#sockets?.listening ?? [];
    return listening.map(({ address, port }) =>
      address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    );
  }

  /** Ends sessions in order as far as `withinMs` allows, makes durable what was written, closes everything. */
  async close(withinMs: number): Promise<void> {
    const until = now() + withinMs * 1e6;
    this.#sockets?.refuse();
    const node = this.#node;
    if (node !== undefined && !node.idle) {
      node.stop(Math.min(LOGOUT_SECONDS, Math.ceil(withinMs / 1000)));
      const asked = Math.min(until, now() + LOGOUT_SECONDS * 1e9);
      while (!node.idle && now() < asked) await pause(POLL_MS);
      node.dropAll();
    }
    while (this.#pump.running > 0 && now() < until) await pause(POLL_MS);
    clearInterval(this.#timer);
    this.#sockets?.close();
    const closed = await Promise.allSettled([...this.#served.values()].map(({ lu }) => lu.close()));
    for (const one of closed) if (one.status === 'rejected') throw one.reason;
  }

  async #start(): Promise<void> {
    const { options, notice } = this.#parts;
    const targets: TargetSpec[] = [];
    for (const target of options.targets) targets.push(await this.#target(target));
    const node = new TargetNode(
      {
        targets,
        limits: options.limits,
        algorithms: chapAlgorithms(),
        random: (length) => randomBytes(length),
        ...(options.discovery === undefined ? {} : { discoveryAuth: options.discovery }),
      },
      {
        run: (run) => this.#pump.run(run),
        stop: (run) => this.#pump.stop(run),
        released: (run) => this.#pump.released(run),
        ready: (line) => this.#sockets?.ready(line),
        notice,
      },
    );
    this.#node = node;
    this.#sockets = await TargetSockets.listen<TargetLine>({
      listen: options.listen.map(portalOf),
      awakeUs: options.awakeUs,
      accept: (ends) => node.accept(ends, now()),
      notice,
    });
    this.#timer = setInterval(() => node.tick(now()), TICK_MS);
  }

  async #target(target: ServeTarget<Source>): Promise<TargetSpec> {
    const { name, alias, portals, auth, allow } = target;
    const luns: LunOptions[] = [];
    for (const lun of target.luns) luns.push(await this.#lun(lun, name));
    const device = createDevice({ name, luns });
    this.#devices.set(name, device);
    return {
      name,
      device,
      portals,
      allow,
      ...(alias === undefined ? {} : { alias }),
      ...(auth === undefined ? {} : { auth }),
    };
  }

  async #lun(config: ServeLun<Source>, target: string): Promise<LunOptions> {
    const { options, notice, open, statePath, nameless } = this.#parts;
    const { lun, thin, cache, readOnly, removable } = config;
    const { medium, writable, ...opened } = await open(config, target);
    const name = `${target}/${lun}`;
    const key = this.#keys++;
    const path = statePath(config, target);
    let state: LuStateFile | undefined;
    // Known from here on, so that a start that fails closes it.
    const lu = new ServeLu({
      medium,
      dirtyBytes: options.dirtyBytes,
      keep: (what, bytes) => state?.keep(what, bytes) ?? Promise.reject(unkept(name)),
      broken: (fault) => notice(`${name}: ${fault.message}`),
    });
    this.#served.set(key, { target, lun, key, lu });
    state = path === undefined ? undefined : await openLuState(path);
    const blockSize = config.blockSize ?? opened.blockSize ?? DEFAULT_BLOCK;
    const blocks = Math.floor(medium.bytes / blockSize);
    if (opened.blockSize !== undefined && blockSize !== opened.blockSize) {
      const what = `${name} is to have blocks of ${blockSize} bytes, and its medium has blocks of ${opened.blockSize}`;
      throw new Fault('local', what, 'leave the block size out');
    }
    if (blocks === 0)
      throw new Fault('local', `${name} has not even one block of ${blockSize} bytes`, 'make it longer');
    if (thin && writable && !medium.thin) {
      notice(`${name} is not thin: its file system gives no room back, so zeros are written where a host unmaps`);
    }
    medium.onSizeChange((bytes) => this.#devices.get(target)?.resize(lun, Math.floor(bytes / blockSize)));
    return {
      key,
      lun,
      blockSize,
      blocks,
      identity: lunIdentity(config.identity, state?.state.id ?? nameless(config, target), packageVersion()),
      readOnly: readOnly || !writable,
      thin: medium.thin,
      cache,
      removable,
      ...(state === undefined ? {} : { saved: state.state }),
    };
  }
}

function unkept(name: string): Fault {
  return new Fault('local', `${name} keeps no state over restarts`);
}

function portalOf(listen: string): { host: string; port: number } {
  const portal = splitPortal(listen);
  if (portal === undefined) throw new Fault('local', `${listen} is no portal`, 'write IP:PORT');
  return portal;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function words(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Monotonic time in nanoseconds. */
function now(): number {
  return performance.now() * 1e6;
}
