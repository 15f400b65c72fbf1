import { connect, type Socket } from 'node:net';
import type { TeeEnds, TeeOutlet, TeeOutlets, TeeTap } from '../src/base/tee.ts';
import type { TeeAwake } from './teeAwake.ts';
import type { TeeBuffers } from './teeBuffers.ts';
import { KEEPALIVE_MS, readingInto, resetNow } from './teeSocket.ts';
import { HELD, STOPPED, TeeWay } from './teeWay.ts';

export interface TeeConnectionOptions {
  target: { host: string; port: number };
  connectMs: number;
  buffers: TeeBuffers;
  awake: TeeAwake;
  /** Both ends stand: makes the tap. */
  open(ends: TeeEnds, outlets: TeeOutlets): TeeTap;
  /** The target's connection could not be made; the host's is being reset. */
  refused(error: Error): void;
  /** The tap threw: from now on the connection goes on without it. */
  blind(connection: number, error: unknown): void;
  ended(connection: TeeConnection): void;
}

type From = 'host' | 'target';

/** One connection of a host, and its own to the target: bytes, half-closes and resets pass from one to the other. */
export class TeeConnection {
  readonly number: number;
  ends: TeeEnds | undefined;
  readonly #options: TeeConnectionOptions;
  readonly #accepted: Socket;
  readonly #toTarget: TeeWay;
  readonly #toHost: TeeWay;
  readonly #timer: NodeJS.Timeout;
  #host: Socket | undefined;
  #target: Socket;
  #tap: TeeTap | undefined;
  #blind = false;
  #broken = false;
  #stopping = false;
  #open = 1;

  constructor(number: number, accepted: Socket, options: TeeConnectionOptions) {
    this.number = number;
    this.#options = options;
    this.#accepted = accepted;
    accepted.on('error', () => {});
    this.#toTarget = new TeeWay(options.buffers, options.awake, (bytes, length) => this.#fromHost(bytes, length));
    this.#toHost = new TeeWay(options.buffers, options.awake, (bytes, length) => this.#fromTarget(bytes, length));
    this.#target = connect({
      ...options.target,
      onread: this.#toHost,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEPALIVE_MS,
    });
    this.#timer = setTimeout(() => {
      this.#target.destroy(new Error(`no answer within ${options.connectMs} ms`));
    }, options.connectMs);
    this.#target.once('connect', () => this.#join());
    this.#target.on('error', (error) => this.#failed('target', error));
    this.#target.on('close', () => this.#closed());
  }

  /** Nothing that the host asked for is still to be answered, as far as anybody looks. */
  get idle(): boolean {
    return this.#blind || (this.#tap?.idle ?? true);
  }

  // --- the tee's own end

  /** Takes nothing more from the host; what was asked is still answered. */
  stopReading(): void {
    this.#stopping = true;
    this.#toTarget.pause(STOPPED);
  }

  /** A reset of a side that is not read from is noticed by this alone. */
  probe(): void {
    this.#toTarget.probe();
    this.#toHost.probe();
  }

  /** Ends both directions of both connections; `abruptly`, or where anything is left unsent, with a reset. */
  close(abruptly: boolean): void {
    clearTimeout(this.#timer);
    this.#tellClosed();
    this.#broken = true;
    for (const socket of [this.#host ?? this.#accepted, this.#target]) {
      if (abruptly || socket.connecting) resetNow(socket);
      else socket.destroySoon();
    }
  }

  #join(): void {
    clearTimeout(this.#timer);
    const host = readingInto(this.#accepted, this.#toTarget);
    const target = this.#target;
    this.#host = host;
    this.#open++;
    host.on('error', (error) => this.#failed('host', error));
    host.on('close', () => this.#closed());
    this.#toTarget.join(host, target);
    this.#toHost.join(target, host);
    host.on('end', () => this.#unlessReset(this.#toTarget, () => this.#hostEnded()));
    target.on('end', () => this.#unlessReset(this.#toHost, () => this.#targetEnded()));
    // A host that has gone meanwhile has no address any more; reading from it will tell.
    this.ends = {
      connection: this.number,
      hostAddress: host.remoteAddress ?? '',
      hostPort: host.remotePort ?? 0,
      localAddress: host.localAddress ?? '',
      localPort: host.localPort ?? 0,
      targetAddress: target.remoteAddress ?? '',
      targetPort: target.remotePort ?? 0,
    };
    try {
      this.#tap = this.#options.open(this.ends, {
        toHost: outletOf(this.#toHost, host),
        toTarget: outletOf(this.#toTarget, target),
      });
    } catch (error) {
      this.#goBlind(error);
    }
    if (!this.#stopping) host.resume();
    target.resume();
  }

  #fromHost(bytes: Uint8Array, length: number): void {
    const tap = this.#tap;
    const way = this.#toTarget;
    if (tap === undefined) {
      way.pass(bytes, length);
      return;
    }
    let passed = false;
    let passes = true;
    try {
      passed = tap.hostGoesFirst(length);
      if (passed) way.pass(bytes, length);
      passes = tap.fromHost(bytes, length);
    } catch (error) {
      this.#goBlind(error);
      // It looks no more, and says whether they have to wait behind others.
      if (!passed) passes = tap.fromHost(bytes, length);
    }
    if (passes && !passed) way.pass(bytes, length);
  }

  #fromTarget(bytes: Uint8Array, length: number): void {
    const tap = this.#tap;
    const way = this.#toHost;
    let passes = this.#blind || tap === undefined || tap.targetGoesFirst;
    if (passes) way.pass(bytes, length);
    if (this.#blind || tap === undefined) return;
    const passed = passes;
    try {
      passes = tap.fromTarget(bytes, length);
    } catch (error) {
      passes = true;
      this.#goBlind(error);
    }
    if (passes && !passed) way.pass(bytes, length);
  }

  /** A reset right behind bytes comes as an end (libuv does not read on after a short read): that is told apart first. */
  #unlessReset(way: TeeWay, ended: () => void): void {
    way.probe();
    setImmediate(() => {
      if (!this.#broken) ended();
    });
  }

  #hostEnded(): void {
    let now = true;
    try {
      now = this.#tap?.finHost() ?? true;
    } catch (error) {
      this.#goBlind(error);
      now = this.#tap?.finHost() ?? true;
    }
    if (now) this.#target.end();
  }

  #targetEnded(): void {
    let now = true;
    this.#tell((tap) => {
      now = tap.finTarget();
    });
    if (now) this.#host?.end();
  }

  /** One side broke: the other gets a reset, whatever it still had to come. */
  #failed(from: From, error: Error): void {
    clearTimeout(this.#timer);
    if (this.#broken) return;
    this.#broken = true;
    if (this.#host === undefined) {
      this.#options.refused(error);
      resetNow(this.#accepted);
      return;
    }
    this.#tell((tap) => tap.reset(from));
    const other = from === 'host' ? this.#target : this.#host;
    resetNow(other);
  }

  #tell(call: (tap: TeeTap) => void): void {
    if (this.#blind || this.#tap === undefined) return;
    try {
      call(this.#tap);
    } catch (error) {
      this.#goBlind(error);
    }
  }

  #goBlind(error: unknown): void {
    this.#blind = true;
    this.#toHost.resume(HELD);
    try {
      this.#tap?.giveUp();
    } catch {
      // What it held can no longer be told from what it handed on: only a new connection is safe for the host.
      this.#broken = true;
      if (this.#host) resetNow(this.#host);
      resetNow(this.#target);
    }
    this.#options.blind(this.number, error);
  }

  #closed(): void {
    if (--this.#open > 0) return;
    this.#toTarget.release();
    this.#toHost.release();
    this.#tellClosed();
    this.#options.ended(this);
  }

  #tellClosed(): void {
    this.#tap?.close();
    this.#tap = undefined;
  }
}

/** What a tap hands on to one end goes the way of all other bytes. */
function outletOf(way: TeeWay, end: Socket): TeeOutlet {
  return {
    write: (bytes) => way.write(bytes),
    end: () => end.end(),
    hold: (held) => (held ? way.pause(HELD) : way.resume(HELD)),
  };
}
