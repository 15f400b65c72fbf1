import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Fault } from '../src/base/fault.ts';
import { linkFault } from './linkFaults.ts';

/** What happens on a link's stream; nothing is told after `closed`. */
export interface LinkEvents {
  /** Bytes came: borrowed for the call. */
  received(bytes: Uint8Array): void;
  /** The stream is over, by the other side or by an error: once, and not after `destroy`. */
  closed(fault: Fault): void;
}

/** A TLS connection to another unit, both having proved themselves. */
export interface LinkStream {
  /** `10.0.0.1:40312`, `[fd66::2]:3260`. */
  readonly remote: string;
  /** The other unit's name as its certificate has it. */
  readonly peer: string;
  /** Bytes on the wire so far, TLS included. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** From now on events are told. */
  listen(events: LinkEvents): void;
  /** Sends the bytes behind those of earlier calls; they are the caller's again with `written`. */
  write(bytes: Uint8Array, written: () => void): void;
  /** Nothing is read until `resume`; the other side comes to wait. */
  pause(): void;
  resume(): void;
  /** Ends it once everything written has left, or soon; nothing is told any more. */
  end(): void;
  /** Ends it at once; nothing is sent and nothing is told any more. */
  destroy(): void;
}

/** What was written before an end has so long to leave. */
const END_MS = 2000;

export class TlsStream implements LinkStream {
  readonly remote: string;
  readonly peer: string;
  readonly #socket: TLSSocket;
  /** Below TLS. */
  readonly #wire: Socket;
  #events: LinkEvents | undefined;
  #fault: Fault | undefined;
  #over = false;

  constructor(socket: TLSSocket, wire: Socket, remote: string, peer: string) {
    this.#socket = socket;
    this.#wire = wire;
    this.remote = remote;
    this.peer = peer;
    socket.on('error', (error) => this.#close(linkFault(remote, error)));
    socket.on('close', () => this.#close(this.#ended()));
    socket.on('end', () => this.#close(this.#ended()));
  }

  get sentBytes(): number {
    return this.#wire.bytesWritten;
  }

  get receivedBytes(): number {
    return this.#wire.bytesRead;
  }

  listen(events: LinkEvents): void {
    this.#events = events;
    this.#socket.on('data', (bytes: Buffer) => {
      if (!this.#over) events.received(bytes);
    });
    // It may have ended before anybody listened.
    if (this.#fault) events.closed(this.#fault);
  }

  write(bytes: Uint8Array, written: () => void): void {
    if (this.#over) return;
    this.#socket.write(bytes, (error) => {
      if (!this.#over && !error) written();
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#over) this.#socket.resume();
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.resume();
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), END_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  destroy(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  #ended(): Fault {
    const mend = 'look at the far unit and at its log';
    return new Fault('local', `${this.remote} closed the connection`, mend, { unreachable: true });
  }

  #close(fault: Fault): void {
    if (this.#over) return;
    this.destroy();
    this.#fault = fault;
    this.#events?.closed(fault);
  }
}
