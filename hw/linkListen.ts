import type { AddressInfo, Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { Fault } from '../src/base/fault.ts';
import { linkFault } from './linkFaults.ts';
import { LinkHalfOpen } from './linkHalfOpen.ts';
import { LINK_CIPHERS, type LinkPem, linkContext, unitName } from './linkKeys.ts';
import { isPsk, type LinkPsk, PskServer } from './linkPsk.ts';
import { type LinkStream, TlsStream } from './linkStream.ts';
import { portalName } from './netWords.ts';

export interface LinkListenOptions {
  host: string;
  /** 0: any free one. */
  port: number;
  keys: LinkPem | LinkPsk;
  /** A unit has proved itself. */
  accepted: (stream: LinkStream) => void;
  /** Somebody has not; `fault` names them. */
  refused: (fault: Fault) => void;
}

export interface LinkListener {
  /** `IP:PORT`. */
  readonly portal: string;
  /** Listens no more; connections that stand go on. */
  close(): Promise<void>;
}

const CROWD = 'keep strangers away from the port, by a firewall';
const MUTUAL = { requestCert: true, rejectUnauthorized: true } as const;
const KEEP_ALIVE_MS = 30_000;
/** Some round trips of a way round the world, with a packet lost. */
const HANDSHAKE_MS = 5000;
/** Connections of units at once: more than a unit has volumes, less than hurts. */
const CONNECTIONS_MAX = 256;

/** Listens for other units over TLS 1.3; rejects with a `Fault` where it cannot. */
export async function listenLink(options: LinkListenOptions): Promise<LinkListener> {
  const { host, port, keys, accepted, refused } = options;
  const psk = isPsk(keys) ? new PskServer(keys) : undefined;
  const server = createServer({
    ...(isPsk(keys) ? psk?.options : certificateOptions(keys)),
    handshakeTimeout: HANDSHAKE_MS,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  });
  let connections = 0;
  // Those that were ended as there were too many.
  const crowded = new WeakSet<Socket>();
  const halfOpen = new LinkHalfOpen((wire) => crowded.add(wire));
  // Who a connection is from cannot be asked any more once it has failed.
  const remotes = new WeakMap<Socket, string>();
  server.on('connection', (wire: Socket) => {
    remotes.set(wire, portalName(wire.remoteAddress ?? '', wire.remotePort ?? 0));
    wire.on('error', () => undefined);
    halfOpen.add(wire);
  });
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    const wire = wireOf(socket);
    const remote = remotes.get(wire) ?? 'somebody';
    halfOpen.remove(wire);
    if (crowded.has(wire)) refused(new Fault('peer', `${remote} has too many connections that prove nothing`, CROWD));
    else refused(linkFault(remote, socket.authorizationError ?? error));
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    const wire = wireOf(socket);
    const remote = remotes.get(wire) ?? portalName(socket.remoteAddress ?? '', socket.remotePort ?? 0);
    halfOpen.remove(wire);
    const refuse = (wrong: string, mend: string): void => {
      socket.on('error', () => undefined);
      socket.destroy();
      refused(new Fault('peer', `${remote} ${wrong}`, mend));
    };
    const unit = psk ? psk.unitName(socket) : unitName(socket.getPeerX509Certificate());
    if ('wrong' in unit) {
      refuse(unit.wrong, psk ? 'give it a key of this unit' : 'give it a certificate made with `tapmirror keys unit`');
      return;
    }
    if (connections === CONNECTIONS_MAX) {
      refuse(`(unit ${unit.name}) is one too many: ${CONNECTIONS_MAX} links stand`, 'see which units send here');
      return;
    }
    connections++;
    socket.once('close', () => connections--);
    accepted(new TlsStream(socket, wire, remote, unit.name));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFault(portalName(host, port), error)));
    server.listen({ host, port }, resolve);
  });
  // Such as too many open files: the next connection may do better.
  server.on('error', (error) => refused(linkFault(portalName(host, port), error)));
  const { address, port: bound } = server.address() as AddressInfo;
  return {
    portal: portalName(address, bound),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Throws a `Fault` where they do not belong together. */
function certificateOptions(keys: LinkPem) {
  linkContext(keys);
  const { ca, cert, key } = keys;
  return { ca, cert, key, ciphers: LINK_CIPHERS, minVersion: 'TLSv1.3' as const, ...MUTUAL };
}

/** The TCP socket below: it counts what TLS adds, and knows the address after a failure. Without one the TLS socket has to do. */
function wireOf(socket: TLSSocket): Socket {
  return (socket as TLSSocket & { _parent?: Socket })._parent ?? socket;
}

function listenFault(portal: string, error: NodeJS.ErrnoException): Fault {
  const words: Record<string, [what: string, mend: string]> = {
    EADDRINUSE: ['something listens there already', 'end it, or choose another port'],
    EADDRNOTAVAIL: ['this machine has no such address', 'write one of its addresses, or 0.0.0.0'],
    EACCES: ['this user may not listen there', 'choose a port above 1023'],
  };
  const [what, mend] = words[error.code ?? ''] ?? [error.message, 'choose another address'];
  return new Fault('local', `cannot listen at ${portal} for journey links: ${what}`, mend, { cause: error });
}
