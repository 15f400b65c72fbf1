import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy that a test can cut: in the middle of a byte stream, and for as long as it likes. */
export class CutProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: number;
  #cut = false;
  connections = 0;
  /** Bytes of both directions. */
  carried = 0;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((near) => {
      if (this.#cut) {
        near.resetAndDestroy();
        return;
      }
      this.connections++;
      const far = connect(this.#target, '127.0.0.1');
      for (const [one, other] of [
        [near, far],
        [far, near],
      ]) {
        this.#sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.on('data', ({ length }) => {
          this.carried += length;
        });
        one.pipe(other);
      }
    });
  }

  static async open(target: number): Promise<CutProxy> {
    const proxy = new CutProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Every connection breaks, and none is taken until `join`. */
  cut(): void {
    this.#cut = true;
    this.breakAll();
  }

  join(target: number = this.#target): void {
    this.#target = target;
    this.#cut = false;
  }

  breakAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** What goes through it, of both directions, waits or goes on. */
  stall(stalled: boolean): void {
    for (const socket of this.#sockets)
      if (stalled) socket.pause();
      else socket.resume();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
