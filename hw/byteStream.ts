import { connect, type Socket } from 'node:net';
import { Fault } from '../src/base/fault.ts';
import { awayWords, codeOf, portalName } from './netWords.ts';

export interface ByteStreamOptions {
  /** A name or an IP address, IPv6 without brackets. */
  host: string;
  port: number;
  /** Milliseconds until the connection must stand. */
  connectMs: number;
  /** Bytes of the buffer that is read into, again and again. */
  readBytes?: number;
}

/** What happens on a byte stream; nothing is told after `closed`. */
export interface ByteStreamEvents {
  /** Bytes came: `bytes[0, length)`, borrowed for the call. */
  received(bytes: Uint8Array, length: number): void;
  /** All that was written has been handed to the system; the buffers are the caller's again. */
  flushed(): void;
  /** The stream is over, by the other side or by an error: once, and not after `destroy`. */
  closed(fault: Fault): void;
}

/** A TCP connection that stands. */
export interface ByteStream {
  /** `10.0.0.1:40312`, `[fd66::2]:3260`. */
  readonly local: string;
  readonly remote: string;
  /** Bytes written that the system has not taken yet: a writer that cares waits for `flushed`. */
  readonly unsent: number;
  /** Sends the buffers in order, without copying them; they belong to the stream until `flushed`. */
  write(buffers: readonly Uint8Array[]): void;
  /** Ends it at once; nothing is sent and nothing is told any more. */
  destroy(): void;
}

/** A keepalive probe after this silence: finds a dead peer where nothing above does. */
const KEEP_ALIVE_MS = 30_000;
/** Measured: of 64 KiB to 1 MiB the one with the least processor time for long reads. */
const READ_BYTES = 128 * 1024;

/**
 * Connects to `host:port` with TCP_NODELAY. Rejects with a `Fault` that names both and the mend; `signal` gives up.
 */
export function connectByteStream(
  options: ByteStreamOptions,
  events: ByteStreamEvents,
  signal?: AbortSignal,
): Promise<ByteStream> {
  const { host, port, connectMs, readBytes = READ_BYTES } = options;
  const name = portalName(host, port);
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(new Fault('local', `${name}: stopped before it was connected`));
      return;
    }
    let stream: TcpStream | undefined;
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    const onread = {
      buffer,
      callback: (bytes: number): boolean => {
        stream?.received(buffer, bytes);
        return true;
      },
    };
    const socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      onread,
    });
    const give = (fault: Fault): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket.destroy();
      reject(fault);
    };
    const abort = (): void => give(new Fault('local', `${name}: stopped before it was connected`));
    const timer = setTimeout(() => {
      give(
        new Fault('local', `${name} does not answer within ${connectMs / 1000} s`, MENDS.look, { unreachable: true }),
      );
    }, connectMs);
    signal?.addEventListener('abort', abort);
    const refused = (error: NodeJS.ErrnoException): void => give(streamFault(name, 'connecting', error));
    socket.once('error', refused);
    socket.once('connect', () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket.off('error', refused);
      stream = new TcpStream(name, socket, events);
      resolve(stream);
    });
  });
}

class TcpStream implements ByteStream {
  readonly local: string;
  readonly remote: string;
  readonly #socket: Socket;
  readonly #events: ByteStreamEvents;
  #over = false;
  readonly #written = (): void => {
    if (!this.#over && this.#socket.writableLength === 0) this.#events.flushed();
  };

  constructor(name: string, socket: Socket, events: ByteStreamEvents) {
    this.#socket = socket;
    this.#events = events;
    this.local = portalName(socket.localAddress ?? '', socket.localPort ?? 0);
    this.remote = portalName(socket.remoteAddress ?? '', socket.remotePort ?? 0);
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#close(streamFault(name, 'the connection failed', error)),
    );
    socket.on('end', () =>
      this.#close(new Fault('local', `${name} closed the connection`, MENDS.look, { unreachable: true })),
    );
    socket.on('close', () =>
      this.#close(new Fault('local', `${name} closed the connection`, MENDS.look, { unreachable: true })),
    );
  }

  get unsent(): number {
    return this.#over ? 0 : this.#socket.writableLength;
  }

  received(bytes: Uint8Array, length: number): void {
    if (!this.#over) this.#events.received(bytes, length);
  }

  write(buffers: readonly Uint8Array[]): void {
    if (this.#over || buffers.length === 0) return;
    const last = buffers.length - 1;
    if (last === 0) {
      this.#socket.write(buffers[0], this.#written);
      return;
    }
    // Corked, they reach the system in one call.
    this.#socket.cork();
    for (let i = 0; i < last; i++) this.#socket.write(buffers[i]);
    this.#socket.write(buffers[last], this.#written);
    this.#socket.uncork();
  }

  destroy(): void {
    this.#over = true;
    // A socket that is destroyed with an error on its way still tells of it; nobody must be surprised.
    this.#socket.destroy();
  }

  #close(fault: Fault): void {
    if (this.#over) return;
    this.destroy();
    this.#events.closed(fault);
  }
}

const MENDS = { start: 'start the target, or correct the port', look: 'look at the target and at the network to it' };

function streamFault(name: string, doing: string, error: NodeJS.ErrnoException): Fault {
  const code = codeOf(error) ?? 'unknown error';
  const [what, mend] = awayWords(code, MENDS) ?? [error.message, undefined];
  return new Fault('local', `${name} ${what} (${doing}: ${code})`, mend, { cause: error, unreachable: true });
}
