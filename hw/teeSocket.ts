import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

/** Silent connections are asked for a sign of life after so long. */
export const KEEPALIVE_MS = 30_000;

/**
 * An accepted socket that has not been read from, as one that reads into its owner's buffers. Node offers that (`onread`)
 * only to sockets it is given at their making, so a new socket takes over the handle: an allocation of 64 KiB for every read
 * less, which measured a tenth of the tee's whole throughput. A Node without such handles gets the ordinary way.
 */
export function readingInto(accepted: Socket, onread: OnReadOpts): Socket {
  const holder = accepted as unknown as { _handle?: object | null };
  const handle = holder._handle;
  if (handle === undefined || handle === null) {
    accepted.on('data', ({ buffer, byteOffset, length }: Buffer) => {
      if (!onread.callback(length, new Uint8Array(buffer, byteOffset, length))) accepted.pause();
    });
    return accepted.pause();
  }
  holder._handle = null;
  const options: SocketConstructorOpts & { handle: object; onread: OnReadOpts; pauseOnCreate: boolean } = {
    handle,
    onread,
    allowHalfOpen: true,
    readable: true,
    writable: true,
    pauseOnCreate: true,
  };
  return new Socket(options).setNoDelay(true).setKeepAlive(true, KEEPALIVE_MS);
}

/**
 * Ends a connection with a reset, now. `resetAndDestroy` would send what waits and a FIN before it: this is its last step
 * alone. While a FIN of ours is under way the system refuses a reset; then the connection is only closed.
 */
export function resetNow(socket: Socket): void {
  const ending = socket.writableEnded && !socket.writableFinished;
  if (!ending && !socket.connecting) Object.assign(socket, { resetAndClosing: true });
  socket.destroy();
}
