import { createServer, type Server, type Socket } from 'node:net';
import { Fault } from '../src/base/fault.ts';
import { type SocketLine, TargetSocket } from './targetSocket.ts';
import { TeeAwake } from './teeAwake.ts';
import { KEEPALIVE_MS } from './teeSocket.ts';

export interface TargetSocketsOptions<Line extends SocketLine> {
  /** Where it listens. */
  listen: readonly { host: string; port: number }[];
  /** Microseconds that the event loop stays awake after bytes came (see `TeeAwake`). */
  awakeUs: number;
  /** A connection was made: what becomes of its bytes; undefined where it is one too many. */
  accept(ends: TargetSocket['ends']): Line | undefined;
  notice(text: string): void;
}

const BACKLOG = 511;

/** The sockets of a target. */
export class TargetSockets<Line extends SocketLine> {
  readonly #options: TargetSocketsOptions<Line>;
  readonly #servers: Server[] = [];
  readonly #awake: TeeAwake;
  readonly #sockets = new Map<SocketLine, TargetSocket>();
  /** Those with something to send, which happens once the turn is over. */
  readonly #ready = new Set<TargetSocket>();
  #deferred = false;
  #full = false;

  private constructor(options: TargetSocketsOptions<Line>) {
    this.#options = options;
    this.#awake = new TeeAwake(options.awakeUs);
  }

  /** Rejects with a `Fault` when it cannot listen somewhere, and listens nowhere then. */
  static async listen<Line extends SocketLine>(options: TargetSocketsOptions<Line>): Promise<TargetSockets<Line>> {
    const sockets = new TargetSockets(options);
    try {
      for (const { host, port } of options.listen) sockets.#servers.push(await sockets.#serve(host, port));
    } catch (error) {
      sockets.close();
      throw error;
    }
    return sockets;
  }

  /** Addresses and ports it listens on. */
  get listening(): { address: string; port: number }[] {
    return this.#servers.map((server) => {
      const at = server.address();
      return at === null || typeof at === 'string' ? { address: '', port: 0 } : at;
    });
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** A line has something to send, or is to be closed. */
  ready(line: Line): void {
    const socket = this.#sockets.get(line);
    if (socket === undefined || socket.receiving) return;
    this.#ready.add(socket);
    if (this.#deferred) return;
    this.#deferred = true;
    // Behind all that the system has finished by now: their answers leave in one call.
    setImmediate(this.#flush);
  }

  /** Listens no more. Connections stay. */
  refuse(): void {
    for (const server of this.#servers) server.close();
  }

  /** Ends everything; what was not sent is lost. */
  close(): void {
    this.refuse();
    this.#awake.stop();
    for (const socket of this.#sockets.values()) socket.reset();
  }

  readonly #flush = (): void => {
    this.#deferred = false;
    const ready = [...this.#ready];
    this.#ready.clear();
    for (const socket of ready) socket.flush();
  };

  async #serve(host: string, port: number): Promise<Server> {
    const server = createServer({
      pauseOnConnect: true,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEPALIVE_MS,
    });
    server.on('connection', (socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: Error): void => {
        const mend = 'correct the address, or end whatever listens there';
        const what = `the target cannot listen on ${host} port ${port}: ${cause.message}`;
        reject(new Fault('local', what, mend, { cause }));
      };
      server.once('error', refuse);
      server.listen({ host, port, backlog: BACKLOG }, () => {
        server.off('error', refuse);
        server.on('error', (error) => this.#unacceptable(error));
        resolve();
      });
    });
    return server;
  }

  #unacceptable(error: Error): void {
    if (!this.#full) this.#options.notice(`the target cannot accept a connection: ${error.message}`);
    this.#full = true;
  }

  #accept(accepted: Socket): void {
    let line: Line | undefined;
    const socket = new TargetSocket(accepted, this.#awake, () => {
      if (line === undefined) return;
      this.#sockets.delete(line);
      this.#full = false;
    });
    line = this.#options.accept(socket.ends);
    if (line !== undefined) this.#sockets.set(line, socket);
    else if (!this.#full) {
      this.#full = true;
      this.#options.notice('the target has as many connections as it may: further ones are refused');
    }
    socket.begin(line);
  }
}
