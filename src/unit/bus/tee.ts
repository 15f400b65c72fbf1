import { TeeSockets } from '../../../hw/teeSockets.ts';
import { addressBytes, portalText, splitPortal } from '../../base/address.ts';
import { Fault } from '../../base/fault.ts';
import type { TeeEnds, TeeOutlets, TeeTap } from '../../base/tee.ts';
import type { StatusGate } from '../../gate/statusGate.ts';
import type { WriteGate } from '../../gate/writeGate.ts';
import type { Snoop } from '../../snoop/snoop.ts';
import { StreamTap } from './teeTap.ts';

export interface TeeOptions {
  /** `IP:PORT`, `[IPv6]:PORT` or `NAME:PORT`; port 0 takes any that is free. */
  listen: string;
  target: string;
  /** Decodes what passes; without it bytes only pass. Its clock is the tee's: nothing else may call `countFrom`. */
  snoop?: Snoop;
  /** Where statuses of writes may be held back; without it they pass at once. */
  gate?: StatusGate;
  /** Where commands that write may be held back; without it they pass at once. */
  writes?: WriteGate;
  /** Replace the target's portal by the tee's in SendTargets answers and login redirects. */
  rewriteDiscovery?: boolean;
  connectionsMax?: number;
  connectMs?: number;
  /** Microseconds that the event loop stays awake after bytes came. Default 0. */
  awakeUs?: number;
  notice: (text: string) => void;
  /**
   * Decoding of a connection has hit a bug: it goes on unwatched. `lus` can be changed by it; they are in doubt whole (the
   * snoop has pushed that) until `onBlindEnd`, when they are once more.
   */
  onBlind?: (blind: BlindConnection) => void;
  onBlindEnd?: (blind: BlindConnection) => void;
}

export interface BlindConnection {
  /** Connections through the tee in order of their arrival, from 1. */
  connection: number;
  /** Empty: any. */
  lus: readonly string[];
  error: unknown;
}

/** A connection as a status shows it. */
export interface TeeConnectionView {
  connection: number;
  /** The host's portal, and its initiator name once it has logged in. */
  from: string;
  host: string | null;
  target: string | null;
  discovery: boolean;
  blind: boolean;
}

export interface RunningTee {
  /** Portal it listens on. */
  readonly listening: string;
  connections(): TeeConnectionView[];
  /** Connections since the start. */
  readonly accepted: number;
  /** Nanoseconds since the snoop's origin, the clock of every moment that the tee gives to it. */
  now(): number;
  /** Listens no more, lets open tasks finish (up to 3 s) and closes every connection. */
  stop(): Promise<void>;
}

const STOP_MS = 3000;
/** How often the snoop's clock goes on when nothing passes. */
const TICK_MS = 200;

/** Opens the tee of a unit. Rejects with a `Fault` when it cannot listen or a portal is none. */
export async function openTee(options: TeeOptions): Promise<RunningTee> {
  const tee = new Tee(options);
  await tee.open();
  return tee;
}

interface Live {
  ends: TeeEnds;
  tap: StreamTap;
}

class Tee implements RunningTee {
  readonly #options: TeeOptions;
  readonly #live = new Map<number, Live>();
  readonly #blind = new Map<number, BlindConnection>();
  /** Milliseconds to add to the monotonic clock so that it counts from the snoop's origin. */
  readonly #offsetMs: number;
  readonly #told = new Set<string>();
  #sockets: TeeSockets | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TeeOptions) {
    this.#options = options;
    // Wall time once, monotonic time from there: a clock that is set back must not put later moments before earlier ones.
    const second = Math.floor(Date.now() / 1000);
    this.#offsetMs = Date.now() - second * 1000 - performance.now();
    options.snoop?.countFrom(second);
  }

  async open(): Promise<void> {
    const { connectionsMax, connectMs, awakeUs, snoop } = this.#options;
    this.#sockets = await TeeSockets.listen({
      listen: portal(this.#options.listen, 'listen'),
      target: portal(this.#options.target, 'target'),
      ...(connectionsMax === undefined ? {} : { connectionsMax }),
      ...(connectMs === undefined ? {} : { connectMs }),
      ...(awakeUs === undefined ? {} : { awakeUs }),
      open: (ends, outlets) => this.#tap(ends, outlets),
      blind: (connection, error) => this.#wentBlind(connection, error),
      ended: (connection) => this.#ended(connection),
      notice: this.#options.notice,
    });
    if (snoop === undefined) return;
    this.#timer = setInterval(() => this.#tick(snoop), TICK_MS);
    this.#timer.unref();
  }

  readonly now = (): number => Math.round((performance.now() + this.#offsetMs) * 1e6);

  get listening(): string {
    const { address = '', port = 0 } = this.#sockets?.listening ?? {};
    return portalText(addressBytes(address) ?? new Uint8Array(4), port);
  }

  get accepted(): number {
    return this.#sockets?.accepted ?? 0;
  }

  connections(): TeeConnectionView[] {
    return [...this.#live.values()].map(({ ends, tap }) => {
      const { host, target, discovery } = tap.stream.session;
      return {
        connection: ends.connection,
        from: portalText(addressBytes(ends.hostAddress) ?? new Uint8Array(4), ends.hostPort),
        host: host ?? null,
        target: target ?? null,
        discovery,
        blind: this.#blind.has(ends.connection),
      };
    });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sockets?.stop(STOP_MS);
  }

  #tick(snoop: Snoop): void {
    try {
      snoop.advance(this.now());
    } catch (error) {
      // A bug in there must not end the unit: bytes go on passing.
      this.#tellOnce(`what is outstanding can no longer be followed: ${String(error)}`);
    }
  }

  #tap(ends: TeeEnds, outlets: TeeOutlets): TeeTap {
    const { snoop, gate, writes, rewriteDiscovery, target } = this.#options;
    if (snoop === undefined) return PASSES;
    const { connection, hostAddress, hostPort, targetAddress, targetPort } = ends;
    const nowhere = new Uint8Array(4);
    const stream = snoop.attach({
      addresses: [addressBytes(hostAddress) ?? nowhere, addressBytes(targetAddress) ?? nowhere],
      ports: [hostPort, targetPort],
    });
    const tap = new StreamTap({
      stream,
      ends,
      outlets,
      now: this.now,
      ...(gate === undefined ? {} : { gate }),
      ...(writes === undefined ? {} : { writes }),
      ...(rewriteDiscovery === true ? { rewrite: { target, notice: (text) => this.#tellOnce(text) } } : {}),
      unwatched: (lus) => this.#blind.set(connection, { connection, lus, error: undefined }),
    });
    this.#live.set(connection, { ends, tap });
    return tap;
  }

  #wentBlind(connection: number, error: unknown): void {
    const blind: BlindConnection = { connection, lus: this.#blind.get(connection)?.lus ?? [], error };
    this.#blind.set(connection, blind);
    const why = error instanceof Error ? error.message : String(error);
    this.#options.notice(
      `connection ${connection} through the tee is no longer watched, as decoding it failed: ${why}`,
    );
    this.#options.onBlind?.(blind);
  }

  #ended(connection: number): void {
    this.#live.delete(connection);
    const blind = this.#blind.get(connection);
    if (blind === undefined) return;
    this.#blind.delete(connection);
    this.#options.onBlindEnd?.(blind);
  }

  #tellOnce(text: string): void {
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.#options.notice(text);
  }
}

/** Nobody looks. */
const PASSES: TeeTap = {
  hostGoesFirst: () => true,
  targetGoesFirst: true,
  fromHost: () => true,
  fromTarget: () => true,
  finHost: () => true,
  finTarget: () => true,
  reset() {},
  giveUp() {},
  close() {},
  idle: true,
};

function portal(text: string, what: 'listen' | 'target'): { host: string; port: number } {
  const parts = splitPortal(text);
  if (parts === undefined || (what === 'target' && parts.port === 0))
    throw new Fault('local', `source.tee.${what} is no portal: ${text}`, 'write it as IP:PORT or [IPv6]:PORT');
  return parts;
}
