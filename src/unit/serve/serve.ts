import { randomBytes } from 'node:crypto';
import { type LuStateFile, openLuState } from '../../../hw/luState.ts';
import { TargetSockets } from '../../../hw/targetSockets.ts';
import { packageVersion } from '../../../hw/version.ts';
import { splitPortal } from '../../base/address.ts';
import { Fault } from '../../base/fault.ts';
import { createDevice, type Device } from '../../device/device.ts';
import type { LunOptions, LunStatus } from '../../device/options.ts';
import { chapAlgorithms } from '../../iscsi/initiator/chap.ts';
import { TargetNode } from '../../iscsi/target/node.ts';
import type { SessionStatus, TargetLine, TargetSpec } from '../../iscsi/target/types.ts';
import { lunIdentity } from './serveIdentity.ts';
import { type ServeCounts, ServeLu } from './serveLu.ts';
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
/** A host of one thread that rests for a minute between two commands (tools, tests) is not dead. */
const PING_MS = 60_000;
/** How long hosts are asked to log out in at most, and how often it is looked whether they have. */
const LOGOUT_SECONDS = 3;
const POLL_MS = 20;

/** A logical unit that is being served. */
interface Served {
  target: string;
  lun: number;
  lu: ServeLu;
  writable: boolean;
}

/** What is served, and to whom. */
export interface ServeStatus {
  portals: string[];
  connections: number;
  /** Data of commands under way. */
  bytes: number;
  sessions: SessionStatus[];
  luns: ServedLunStatus[];
  /** Those whose medium cannot be reached. */
  absent: { target: string; lun: number; why: string }[];
}

export interface ServedLunStatus extends ServeCounts, Partial<LunStatus> {
  target: string;
  lun: number;
  bytes: number;
  writable: boolean;
  thin: boolean;
  dirtyBytes: number;
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
  #absent: { target: string; config: ServeLun<Source>; why: string }[] = [];
  #retrying = false;

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

  status(): ServeStatus {
    return {
      portals: this.portals,
      connections: this.#node?.connections ?? 0,
      bytes: this.#node?.bytes ?? 0,
      sessions: this.#node?.sessions() ?? [],
      luns: [...this.#served.values()].map(({ target, lun, lu, writable }) => ({
        target,
        lun,
        bytes: lu.medium.bytes,
        writable,
        thin: lu.medium.thin,
        dirtyBytes: lu.dirtyBytes,
        ...lu.counts,
        ...this.#devices
          .get(target)
          ?.status()
          .find((one) => one.lun === lun),
      })),
      absent: this.#absent.map(({ target, config, why }) => ({ target, lun: config.lun, why })),
    };
  }

  /** Time has passed: media that could not be reached are tried again. */
  async retry(): Promise<void> {
    if (this.#retrying) return;
    this.#retrying = true;
    try {
      for (const one of this.#absent.splice(0)) await this.#place(one.target, one.config, false);
    } finally {
      this.#retrying = false;
    }
  }

  /**
   * Has a logical unit served from another medium, or in another way. What hosts wrote is durable before; they are told that
   * the logical units changed. Rejects with a `Fault` where the new one is refused: then there is none.
   */
  async replace(target: string, config: ServeLun<Source>): Promise<void> {
    await this.remove(target, config.lun);
    await this.#place(target, config, true);
  }

  /** Takes a logical unit away, once what hosts wrote to it is durable. */
  async remove(target: string, lun: number): Promise<void> {
    this.#devices.get(target)?.remove(lun);
    this.#absent = this.#absent.filter((one) => one.target !== target || one.config.lun !== lun);
    for (const [key, served] of this.#served) {
      if (served.target !== target || served.lun !== lun) continue;
      this.#served.delete(key);
      await served.lu.close();
    }
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
    this.#served.clear();
    for (const one of closed) if (one.status === 'rejected') throw one.reason;
  }

  async #start(): Promise<void> {
    const { options, notice } = this.#parts;
    const targets: TargetSpec[] = [];
    for (const target of options.targets) targets.push(await this.#target(target));
    const node = new TargetNode(
      {
        targets,
        limits: { pingMs: PING_MS, ...options.limits },
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
    const device = createDevice({ name, luns: [], background: (task) => this.#pump.background(task) });
    this.#devices.set(name, device);
    for (const lun of target.luns) await this.#place(name, lun, true);
    return {
      name,
      device,
      portals,
      allow,
      ...(alias === undefined ? {} : { alias }),
      ...(auth === undefined ? {} : { auth }),
    };
  }

  /** What cannot be reached now is tried again later. */
  async #place(target: string, config: ServeLun<Source>, tell: boolean): Promise<void> {
    if ([...this.#served.values()].some((one) => one.target === target && one.lun === config.lun)) return;
    try {
      this.#devices.get(target)?.add(await this.#lun(config, target));
      if (!tell) this.#parts.notice(`${target}/${config.lun} is served: its medium answers`);
    } catch (error) {
      if (!(error instanceof Fault) || (tell && !error.unreachable)) throw error;
      if (tell) this.#parts.notice(`${target}/${config.lun} is not served yet: ${error.message}`);
      this.#absent.push({ target, config, why: error.message });
    }
  }

  async #lun(config: ServeLun<Source>, target: string): Promise<LunOptions> {
    const { open } = this.#parts;
    const opened = await open(config, target);
    try {
      return await this.#seat(config, target, opened);
    } catch (error) {
      await opened.medium.close().catch(() => {});
      throw error;
    }
  }

  async #seat(
    config: ServeLun<Source>,
    target: string,
    { medium, writable, blockSize: has, identity = config.identity }: OpenedMedium,
  ): Promise<LunOptions> {
    const { options, notice, statePath, nameless } = this.#parts;
    const { lun, thin, cache, readOnly, removable } = config;
    const name = `${target}/${lun}`;
    const key = this.#keys++;
    const path = statePath(config, target);
    let state: LuStateFile | undefined;
    const lu = new ServeLu({
      medium,
      dirtyBytes: options.dirtyBytes,
      keep: (what, bytes) => state?.keep(what, bytes) ?? Promise.reject(unkept(name)),
      broken: (fault) => notice(`${name}: ${fault.message}`),
    });
    state = path === undefined ? undefined : await openLuState(path);
    const blockSize = config.blockSize ?? has ?? DEFAULT_BLOCK;
    const blocks = Math.floor(medium.bytes / blockSize);
    if (has !== undefined && blockSize !== has) {
      const what = `${name} is to have blocks of ${blockSize} bytes, and its medium has blocks of ${has}`;
      throw new Fault('local', what, 'leave the block size out');
    }
    if (blocks === 0)
      throw new Fault('local', `${name} has not even one block of ${blockSize} bytes`, 'make it longer');
    if (thin && writable && !medium.thin) {
      notice(`${name} is not thin: its file system gives no room back, so zeros are written where a host unmaps`);
    }
    this.#served.set(key, { target, lun, lu, writable: writable && !readOnly });
    medium.onSizeChange((bytes) => this.#devices.get(target)?.resize(lun, Math.floor(bytes / blockSize)));
    return {
      key,
      lun,
      blockSize,
      blocks,
      identity: lunIdentity(identity, state?.state.id ?? nameless(config, target), packageVersion()),
      readOnly: readOnly || !writable,
      thin: medium.thin,
      ...granules(medium.granularity, blockSize, config.physicalBlockSize ?? blockSize),
      cache,
      removable,
      ...(state === undefined ? { keeps: false } : { saved: state.state }),
    };
  }
}

/** A host that writes and unmaps by these gains by it. */
function granules(
  bytes: number,
  blockSize: number,
  physical: number,
): { physicalExponent: number; unmapGranularity: number } {
  return {
    physicalExponent: Math.log2(Math.max(1, physical / blockSize)),
    unmapGranularity: Math.max(1, bytes / blockSize),
  };
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
