import type { OnReadOpts, Socket } from 'node:net';
import type { TeeAwake } from './teeAwake.ts';
import { readingInto, resetNow } from './teeSocket.ts';

/** A connection as its socket sees it; times are nanoseconds of one monotonic clock. See `TargetLine` of the target. */
export interface SocketLine {
  /** Bytes from the peer, borrowed until it returns. */
  receive(bytes: Uint8Array, offset: number, length: number, now: number): void;
  readonly paused: boolean;
  readonly waiting: boolean;
  /** What is to be sent; borrowed until `sent`. */
  take(): Uint8Array[];
  readonly taken: number;
  sent(position: number, now: number): void;
  readonly closing: 'no' | 'end' | 'reset';
  ended(): void;
}

/** Measured with writes of 4 KiB to 256 KiB: more than this costs the processor's cache what it saves in calls. */
const READ_BYTES = 256 * 1024;
const NOTHING = new Uint8Array(0);

/** What was read lies here until the line has looked at it, which is before anything else is read: one for all sockets. */
const arrivals = Buffer.allocUnsafeSlow(READ_BYTES);

/** The socket of one connection: bytes in as they come, everything that waits out in one call a turn. */
export class TargetSocket implements OnReadOpts {
  readonly buffer = arrivals;
  readonly #awake: TeeAwake;
  readonly #ended: (socket: TargetSocket) => void;
  readonly #socket: Socket;
  #line: SocketLine | undefined;
  #receiving = false;
  #paused = false;
  #over = false;
  /** Bytes handed to the system that it has not taken: what came before this position is the line's again then. */
  #sending = false;

  constructor(accepted: Socket, awake: TeeAwake, ended: (socket: TargetSocket) => void) {
    this.#awake = awake;
    this.#ended = ended;
    this.#socket = readingInto(accepted, this);
    this.#socket.on('error', () => {});
    // Whoever closes one direction has nothing more to ask for and takes no answers.
    this.#socket.on('end', () => this.#socket.destroy());
    this.#socket.on('close', () => this.#close());
  }

  get ends(): { address: string; port: number; localAddress: string; localPort: number } {
    const { remoteAddress, remotePort, localAddress, localPort } = this.#socket;
    // A peer that has gone meanwhile has no address any more; reading from it will tell.
    const local = { localAddress: localAddress ?? '', localPort: localPort ?? 0 };
    return { address: remoteAddress ?? '', port: remotePort ?? 0, ...local };
  }

  /** Its bytes are being looked at: what the line has to say is sent right behind that. */
  get receiving(): boolean {
    return this.#receiving;
  }

  /** Begins to read for a line; undefined: there is none for it, and it is reset. */
  begin(line: SocketLine | undefined): void {
    this.#line = line;
    if (line === undefined) resetNow(this.#socket);
    else this.#socket.resume();
  }

  /** OnReadOpts: bytes have come. */
  readonly callback = (length: number, bytes: Uint8Array): boolean => {
    const line = this.#line;
    if (line === undefined || this.#over) return false;
    this.#receiving = true;
    line.receive(bytes, 0, length, now());
    this.#receiving = false;
    this.flush();
    this.#awake.arrived();
    return !this.#paused;
  };

  /** Sends everything that waits. */
  flush(): void {
    const line = this.#line;
    if (line === undefined || this.#over) return;
    if (line.waiting) this.#send(line);
    if (line.paused !== this.#paused) this.#pace(line.paused);
    if (line.closing === 'reset') this.reset();
    else if (line.closing === 'end' && !this.#socket.writableEnded) this.#socket.destroySoon();
  }

  reset(): void {
    resetNow(this.#socket);
  }

  #send(line: SocketLine): void {
    const socket = this.#socket;
    const buffers = line.take();
    const position = line.taken;
    if (buffers.length === 1) socket.write(buffers[0]);
    else {
      // Corked, they reach the system in one call.
      socket.cork();
      for (const buffer of buffers) socket.write(buffer);
      socket.uncork();
    }
    if (socket.writableLength === 0 && !this.#sending) {
      line.sent(position, now());
      return;
    }
    // The rest waits for the peer: what stands behind it is written once it has gone.
    this.#sending = true;
    socket.write(NOTHING, () => {
      if (this.#over) return;
      this.#sending = socket.writableLength > 0;
      line.sent(position, now());
      this.flush();
    });
  }

  #pace(paused: boolean): void {
    this.#paused = paused;
    if (paused) this.#socket.pause();
    else this.#socket.resume();
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#line?.ended();
    this.#ended(this);
  }
}

/** Monotonic time in nanoseconds. */
function now(): number {
  return performance.now() * 1e6;
}
