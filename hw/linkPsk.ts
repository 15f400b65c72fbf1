import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';

/** Keys that units share beforehand: who has the key of a name is the unit of that name. The first is the unit's own. */
export interface LinkPsk {
  psk: readonly { name: string; key: Uint8Array }[];
}

/** A key that is shared beforehand goes with a hash (RFC 8446 section 4.2.11); Node's is SHA-256. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256';

export function isPsk<T extends object>(proof: T | LinkPsk): proof is LinkPsk {
  return 'psk' in proof;
}

export function pskContext(): SecureContext {
  return createSecureContext({ minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: CIPHERS });
}

/** Options of a connection to another unit, beside `pskContext`. */
export function pskClient({ psk }: LinkPsk): { pskCallback: () => { psk: Uint8Array; identity: string } } {
  return { pskCallback: () => ({ psk: psk[0].key, identity: psk[0].name }) };
}

/**
 * Whether the other side has proved that it has our key: what Node calls reused is a session that began with a key which both
 * had (RFC 8446 section 2.2); a certificate, whoever signed it, proves nothing here.
 */
export function hasOurKey(socket: TLSSocket): boolean {
  return socket.isSessionReused() && socket.getPeerX509Certificate() === undefined;
}

/** The listening side: asks for a key, and knows afterwards whose it was. */
export class PskServer {
  readonly #keys: ReadonlyMap<string, Uint8Array>;
  readonly #names = new WeakMap<TLSSocket, string>();

  constructor({ psk }: LinkPsk) {
    this.#keys = new Map(psk.map(({ name, key }) => [name, key]));
  }

  get options() {
    return {
      minVersion: 'TLSv1.3' as const,
      maxVersion: 'TLSv1.3' as const,
      ciphers: CIPHERS,
      pskCallback: (socket: TLSSocket, name: string): Uint8Array | null => {
        const key = this.#keys.get(name);
        if (key) this.#names.set(socket, name);
        return key ?? null;
      },
    };
  }

  /** Of a connection that stands. A session that was resumed by a ticket has none: units do not resume. */
  unitName(socket: TLSSocket): { name: string } | { wrong: string } {
    const name = this.#names.get(socket);
    return name !== undefined && hasOurKey(socket) ? { name } : { wrong: 'showed no pre-shared key' };
  }
}
