import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Fault } from '../src/base/fault.ts';
import { linkFault } from './linkFaults.ts';
import { type LinkPem, linkContext, unitName } from './linkKeys.ts';
import { hasOurKey, isPsk, type LinkPsk, pskClient, pskContext } from './linkPsk.ts';
import { type LinkStream, TlsStream } from './linkStream.ts';
import { portalName } from './netWords.ts';

export interface LinkConnectOptions {
  /** A name or an IP address, IPv6 without brackets. */
  host: string;
  port: number;
  keys: LinkPem | LinkPsk;
  /** Milliseconds until both have proved themselves. */
  connectMs: number;
}

/** A keepalive probe after this silence finds a dead peer where nothing above does. */
const KEEP_ALIVE_MS = 30_000;

/**
 * Connects to another unit over TLS 1.3. The other must have a unit's certificate of the same authority (what it is called
 * plays no part, as units move), or this unit's pre-shared key. Rejects with a `Fault`, `unreachable` where nobody answered. It may still find out
 * afterwards that the other does not believe us: then the stream is closed before anything came.
 */
export async function connectLink(options: LinkConnectOptions, signal?: AbortSignal): Promise<LinkStream> {
  const { host, port, keys, connectMs } = options;
  const name = portalName(host, port);
  const context = isPsk(keys) ? pskContext() : linkContext(keys);
  const proof = isPsk(keys) ? pskClient(keys) : {};
  const stopped = (): Fault => new Fault('local', `${name}: stopped before it was connected`);
  if (signal?.aborted) throw stopped();
  return new Promise((resolve, reject) => {
    const wire: Socket = connectTcp({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    let socket: TLSSocket | undefined;
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    const give = (fault: Fault): void => {
      settle();
      socket?.destroy();
      wire.destroy();
      reject(fault);
    };
    const abort = (): void => give(stopped());
    const timer = setTimeout(() => {
      const what = `${name} does not answer within ${connectMs / 1000} s`;
      give(new Fault('local', what, 'look at the far unit and at the network to it', { unreachable: true }));
    }, connectMs);
    signal?.addEventListener('abort', abort);
    const failed = (error: Error): void => give(linkFault(name, error));
    const closed = (): void => failed(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    wire.once('error', failed);
    wire.once('connect', () => {
      const secure = connectTls({
        socket: wire,
        secureContext: context,
        checkServerIdentity: () => undefined,
        ...proof,
      });
      socket = secure;
      secure.once('error', failed);
      secure.once('close', closed);
      secure.once('secureConnect', () => {
        const unit = isPsk(keys) ? keyHolder(secure) : unitName(secure.getPeerX509Certificate());
        if ('wrong' in unit) {
          const mend = isPsk(keys)
            ? 'use `psk` at both units'
            : 'give it a certificate made with `tapmirror keys unit`';
          give(new Fault('local', `${name} ${unit.wrong}`, mend));
          return;
        }
        settle();
        wire.off('error', failed);
        // The socket above tells of it.
        wire.on('error', () => undefined);
        const stream = new TlsStream(
          secure,
          wire,
          portalName(wire.remoteAddress ?? host, wire.remotePort ?? port),
          unit.name,
        );
        secure.off('error', failed);
        secure.off('close', closed);
        resolve(stream);
      });
    });
  });
}

/** A key tells that it is the right one, not what it calls itself. */
function keyHolder(socket: TLSSocket): { name: string } | { wrong: string } {
  return hasOurKey(socket) ? { name: '' } : { wrong: "did not prove that it has this unit's pre-shared key" };
}
