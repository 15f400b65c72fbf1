/** The far end of `link.ts`, a process of its own that holds nothing else: a receiver, or a bare TLS server. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:tls';
import type { EntryPlace, FarStore, OrderedEntry } from '../../src/base/ordered.ts';
import type { LinkKeys } from '../../src/unit/link/journeyTypes.ts';
import { serveLink } from '../../src/unit/link/receiver.ts';

export interface FarOrder {
  kind: 'link' | 'bare';
  keys: LinkKeys;
  volumeBytes: number;
  /** Whether the volume's bytes are kept, in memory; else the link alone is what is measured. */
  kept: boolean;
  /** A bare server answers with a byte whenever so many have come. */
  answerEvery: number;
}

class BenchStore implements FarStore {
  readonly blockSize = 512;
  readonly incarnation = randomUUID();
  readonly consistent = true;
  readonly bytes: number;
  durable: EntryPlace | undefined;
  readonly #memory: Uint8Array | undefined;

  constructor({ volumeBytes, kept }: FarOrder) {
    this.bytes = volumeBytes;
    this.#memory = kept ? new Uint8Array(volumeBytes) : undefined;
  }

  async append(place: EntryPlace, entry: OrderedEntry): Promise<void> {
    if (this.#memory && 'pieces' in entry) {
      for (const { offset, payload } of entry.pieces) {
        let at = offset;
        for (const part of payload as readonly Uint8Array[]) {
          this.#memory.set(part, at);
          at += part.length;
        }
      }
    }
    this.durable = place;
  }

  async sync(): Promise<void> {}

  async read(offset: number, into: Uint8Array): Promise<void> {
    if (this.#memory) into.set(this.#memory.subarray(offset, offset + into.length));
  }

  async grow(): Promise<void> {}
  async close(): Promise<void> {}
}

async function serve(order: FarOrder): Promise<number> {
  const { kind, keys } = order;
  if (kind === 'link') {
    const store = new BenchStore(order);
    const now = (): number => Number(process.hrtime.bigint());
    const listen = { host: '127.0.0.1', port: 0 };
    const service = await serveLink({ listen, keys, stores: () => store, notice: () => undefined, now });
    return Number(service.portal.split(':').at(-1));
  }
  const server = createServer({ ...keys, requestCert: true, minVersion: 'TLSv1.3' }, (socket) => {
    let left = order.answerEvery;
    socket.on('data', ({ length }) => {
      left -= length;
      if (left > 0) return;
      left += order.answerEvery;
      socket.write('.');
    });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

// Ended as a process that ends by itself is, so that it can be profiled.
process.once('SIGTERM', () => process.exit(0));
let started = process.cpuUsage();
process.once('message', async (order: FarOrder) => {
  const port = await serve(order);
  process.on('message', () => {
    const { user, system } = process.cpuUsage(started);
    started = process.cpuUsage();
    process.send?.((user + system) * 1000);
  });
  process.send?.(port);
});
