import { createServer, type Server, type Socket } from 'node:net';
import { Fault } from '../src/base/fault.ts';
import type { TeeEnds, TeeOutlets, TeeTap } from '../src/base/tee.ts';
import { TeeAwake } from './teeAwake.ts';
import { TeeBuffers } from './teeBuffers.ts';
import { TeeConnection } from './teeConnection.ts';
import { KEEPALIVE_MS, resetNow } from './teeSocket.ts';

export interface TeeSocketsOptions {
  listen: { host: string; port: number };
  target: { host: string; port: number };
  /** Connections at a time; one more is reset. Default 1024. */
  connectionsMax?: number;
  /** How long the target may take to accept. Default 5000. */
  connectMs?: number;
  /** Microseconds that the event loop stays awake after bytes came (see `TeeAwake`). Default 0. */
  awakeUs?: number;
  /** Makes the tap of a connection whose both ends stand. */
  open(ends: TeeEnds, outlets: TeeOutlets): TeeTap;
  /** A tap threw: its connection goes on without being looked at. */
  blind(connection: number, error: unknown): void;
  /** A connection whose tap was made, or was to be made, has ended. */
  ended(connection: number): void;
  notice(text: string): void;
}

const CONNECTIONS_MAX = 1024;
const CONNECT_MS = 5000;
const BACKLOG = 511;
/** How often a side that is not read from is looked at. */
const PROBE_MS = 250;
/** How often a stop looks whether everything asked has been answered. */
const IDLE_POLL_MS = 10;
/** How long peers may take for their last bytes then. */
const CLOSE_MS = 200;

/** The sockets of a tee: one to the target for each that a host opens. */
export class TeeSockets {
  readonly #options: TeeSocketsOptions;
  readonly #server: Server;
  readonly #connections = new Set<TeeConnection>();
  readonly #buffers = new TeeBuffers();
  readonly #awake: TeeAwake;
  #count = 0;
  #full = false;
  #unreachable = false;
  #stopped: (() => void) | undefined;
  #prober: NodeJS.Timeout | undefined;

  private constructor(options: TeeSocketsOptions) {
    this.#options = options;
    this.#awake = new TeeAwake(options.awakeUs ?? 0);
    this.#server = createServer({
      pauseOnConnect: true,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEPALIVE_MS,
    });
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  /** Rejects with a `Fault` when it cannot listen there. */
  static async listen(options: TeeSocketsOptions): Promise<TeeSockets> {
    const sockets = new TeeSockets(options);
    const { host, port } = options.listen;
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: Error): void => {
        const mend = 'correct source.tee.listen, or end whatever listens there';
        reject(new Fault('local', `the tee cannot listen on ${host} port ${port}: ${cause.message}`, mend, { cause }));
      };
      sockets.#server.once('error', refuse);
      sockets.#server.listen({ host, port, backlog: BACKLOG }, () => {
        sockets.#server.off('error', refuse);
        sockets.#server.on('error', (error) => sockets.#unacceptable(error));
        sockets.#prober = setInterval(() => sockets.#probe(), PROBE_MS).unref();
        resolve();
      });
    });
    return sockets;
  }

  /** Address and port it listens on. */
  get listening(): { address: string; port: number } {
    const at = this.#server.address();
    return at === null || typeof at === 'string' ? { address: '', port: 0 } : at;
  }

  /** Connections now, and since the start. */
  get connections(): number {
    return this.#connections.size;
  }

  get accepted(): number {
    return this.#count;
  }

  /**
   * Listens and reads from hosts no more; resolves once what they had asked is answered (or `withinMs` is over) and all
   * connections are closed.
   */
  async stop(withinMs: number): Promise<void> {
    this.#server.close();
    this.#awake.stop();
    for (const connection of this.#connections) connection.stopReading();
    const until = performance.now() + withinMs;
    const busy = (): boolean => [...this.#connections].some((connection) => !connection.idle);
    while (busy() && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, IDLE_POLL_MS));
    clearInterval(this.#prober);
    for (const connection of this.#connections) connection.close(!connection.idle);
    if (this.#connections.size === 0) return;
    // A peer that never takes what is left for it cannot keep the unit.
    const timer = setTimeout(() => {
      for (const connection of this.#connections) connection.close(true);
    }, CLOSE_MS);
    await new Promise<void>((resolve) => {
      this.#stopped = resolve;
    });
    clearTimeout(timer);
  }

  #probe(): void {
    for (const connection of this.#connections) connection.probe();
  }

  #unacceptable(error: Error): void {
    if (!this.#full) this.#options.notice(`the tee cannot accept a connection: ${error.message}`);
    this.#full = true;
  }

  #accept(socket: Socket): void {
    const { connectionsMax = CONNECTIONS_MAX, connectMs = CONNECT_MS, target, open, blind, notice } = this.#options;
    if (this.#connections.size >= connectionsMax) {
      if (!this.#full) notice(`the tee has ${connectionsMax} connections, as many as it may: further ones are refused`);
      this.#full = true;
      socket.on('error', () => {});
      resetNow(socket);
      return;
    }
    const connection: TeeConnection = new TeeConnection(++this.#count, socket, {
      target,
      connectMs,
      buffers: this.#buffers,
      awake: this.#awake,
      open: (ends, outlets) => {
        this.#unreachable = false;
        return open(ends, outlets);
      },
      refused: (error) => {
        if (!this.#unreachable)
          notice(`the target at ${target.host} port ${target.port} cannot be reached: ${error.message}`);
        this.#unreachable = true;
      },
      blind,
      ended: (one) => this.#ended(one),
    });
    this.#connections.add(connection);
  }

  #ended(connection: TeeConnection): void {
    this.#connections.delete(connection);
    this.#full = false;
    this.#options.ended(connection.number);
    if (this.#connections.size === 0) this.#stopped?.();
  }
}
