import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { TeeSockets, type TeeSocketsOptions } from '../../../hw/teeSockets.ts';
import type { TeeEnds, TeeTap } from '../../../src/base/tee.ts';

/** Notes all that it is shown, in order; may be told to fail. */
export class Watcher implements TeeTap {
  readonly ends: TeeEnds;
  readonly seen: string[] = [];
  hostBytes = 0;
  targetBytes = 0;
  hostFirst = false;
  targetGoesFirst = false;
  idle = true;
  blind = false;
  fail: string | undefined;

  constructor(ends: TeeEnds) {
    this.ends = ends;
  }

  hostGoesFirst(): boolean {
    return this.hostFirst;
  }

  fromHost(bytes: Uint8Array, length: number): boolean {
    if (this.blind) return true;
    this.#may('fromHost');
    assert.ok(length <= bytes.length);
    this.hostBytes += length;
    return true;
  }

  fromTarget(_bytes: Uint8Array, length: number): boolean {
    this.#may('fromTarget');
    this.targetBytes += length;
    return true;
  }

  finHost(): boolean {
    if (!this.blind) this.#may('finHost');
    return true;
  }

  finTarget(): boolean {
    this.#may('finTarget');
    return true;
  }

  reset(from: 'host' | 'target'): void {
    this.#may(`reset ${from}`);
  }

  giveUp(): void {
    this.blind = true;
    this.seen.push('giveUp');
  }

  close(): void {
    this.seen.push('close');
  }

  #may(call: string): void {
    if (this.seen.at(-1) !== call) this.seen.push(call);
    if (this.fail === call) throw new Error(`a bug in ${call}`);
  }
}

/** A tee on loopback before a target of the test's own. */
export class Setting {
  readonly taps: Watcher[] = [];
  readonly notices: string[] = [];
  readonly blind: string[] = [];
  readonly ended: number[] = [];
  readonly targets: Socket[] = [];
  readonly server: Server;
  tee!: TeeSockets;
  prepare: (tap: Watcher) => void = () => {};
  private readonly hosts: Socket[] = [];
  private waiting: (() => void)[] = [];

  constructor() {
    this.server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      this.targets.push(socket);
      this.moved();
    });
  }

  async open(options: Partial<TeeSocketsOptions> = {}, address = '127.0.0.1'): Promise<this> {
    this.server.listen(0, address);
    await once(this.server, 'listening');
    const { port } = this.server.address() as AddressInfo;
    this.tee = await TeeSockets.listen({
      listen: { host: address, port: 0 },
      target: { host: address, port },
      open: (ends) => {
        const tap = new Watcher(ends);
        this.prepare(tap);
        this.taps.push(tap);
        this.moved();
        return tap;
      },
      blind: (connection, error) => this.blind.push(`${connection} ${(error as Error).message}`),
      ended: (connection) => {
        this.ended.push(connection);
        this.moved();
      },
      notice: (text) => {
        this.notices.push(text);
        this.moved();
      },
      ...options,
    });
    return this;
  }

  /** One host's connection, the target's end of it and its tap. */
  async pair(): Promise<{ host: Socket; target: Socket; tap: Watcher }> {
    const n = this.targets.length;
    const host = this.host();
    await this.until(() => this.targets.length > n && this.taps.length > n);
    return { host, target: this.targets[n], tap: this.taps[n] };
  }

  host(): Socket {
    const { address, port } = this.tee.listening;
    const host = connect({ host: address, port, allowHalfOpen: true });
    host.on('error', () => {});
    this.hosts.push(host);
    return host;
  }

  moved(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const wake of waiting) wake();
  }

  /** Waits until something that happened made it so. */
  async until(so: () => boolean): Promise<void> {
    while (!so()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  async close(): Promise<void> {
    for (const socket of [...this.hosts, ...this.targets]) socket.destroy();
    await this.tee?.stop(0);
    this.server.close();
  }
}

/** Takes exactly `count` bytes, and their digest. */
export function take(socket: Socket, count: number): Promise<string> {
  const hash = createHash('sha256');
  let got = 0;
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed after ${got} of ${count} bytes`)));
    socket.on('data', (chunk: Buffer) => {
      got += chunk.length;
      hash.update(chunk);
      if (got >= count) resolve(`${got} ${hash.digest('hex')}`);
    });
  });
}

export function pattern(length: number, seed: number): Buffer {
  const out = Buffer.allocUnsafe(length);
  let x = seed;
  for (let i = 0; i < length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    out[i] = x >>> 16;
  }
  return out;
}

export function digest(bytes: Buffer): string {
  return `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
}
