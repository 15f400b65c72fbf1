import type { TLSSocket } from 'node:tls';

/** What Node has at the handle of a socket. */
interface Handle {
  useUserBuffer?: (into: Uint8Array) => void;
}

/**
 * Has a socket whose stream holds nothing read into `into` from now on, again and again: whatever comes is `received`, borrowed
 * for the call. Node offers that (`onread`) only to sockets it is given at their making, and never to TLS over another socket,
 * where it takes new memory for each record of 16 KiB: measured, a quarter of what a receiver cost went into collecting that.
 * So what such a making leaves at the socket is left there here. False where this Node has it otherwise: nothing is changed.
 */
export function readInto(socket: TLSSocket, into: Uint8Array, received: (bytes: Uint8Array) => void): boolean {
  const places = new Map(Object.getOwnPropertySymbols(socket).map((symbol) => [symbol.description, symbol]));
  const buffer = places.get('kBuffer');
  const callback = places.get('kBufferCb');
  const maker = places.get('kBufferGen');
  const { _handle: handle } = socket as unknown as { _handle?: Handle | null };
  if (!buffer || !callback || !maker || typeof handle?.useUserBuffer !== 'function') return false;
  handle.useUserBuffer(into);
  const read = (bytes: number): boolean => {
    received(new Uint8Array(into.buffer, into.byteOffset, bytes));
    return true;
  };
  Object.assign(socket, { [buffer]: into, [callback]: read, [maker]: null });
  return true;
}
