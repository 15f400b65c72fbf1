import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { connectLink } from '../../../hw/linkConnect.ts';
import { type LinkListener, listenLink } from '../../../hw/linkListen.ts';
import { readInto } from '../../../hw/linkReads.ts';
import type { LinkStream } from '../../../hw/linkStream.ts';
import { Authority } from '../../kit/journey.ts';

const TLS = { minVersion: 'TLSv1.3' } as const;

describe('D1 what comes over TLS is read into memory of its own', () => {
  let keys: Awaited<ReturnType<Authority['unit']>>;
  let listener: LinkListener | undefined;
  const streams: LinkStream[] = [];

  before(async () => {
    keys = await (await Authority.make()).unit('a');
  });

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.destroy();
    await listener?.close();
    listener = undefined;
  });

  async function pair(): Promise<[near: LinkStream, far: LinkStream]> {
    let accepted = (_: LinkStream): void => undefined;
    const far = new Promise<LinkStream>((resolve) => {
      accepted = resolve;
    });
    listener = await listenLink({ host: '127.0.0.1', port: 0, keys, accepted, refused: (fault) => assert.fail(fault) });
    const port = Number(listener.portal.split(':').at(-1));
    streams.push(await connectLink({ host: '127.0.0.1', port, keys, connectMs: 10_000 }), await far);
    return [streams[0], streams[1]];
  }

  it('at a side that accepted, by this very Node', async () => {
    const server = createServer({ ...keys, ...TLS }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const client = connect({ ...keys, ...TLS, port, host: '127.0.0.1', checkServerIdentity: () => undefined });
    const [socket] = (await once(server, 'secureConnection')) as [TLSSocket];
    try {
      const sent = randomBytes(300_000);
      const came: Buffer[] = [];
      const into = new Uint8Array(16_384);
      let count = 0;
      const all = new Promise<void>((resolve) => {
        const received = (bytes: Uint8Array): void => {
          assert.equal(bytes.buffer, into.buffer);
          came.push(Buffer.from(bytes));
          count += bytes.length;
          if (count === sent.length) resolve();
        };
        assert.ok(readInto(socket, into, received), 'this Node keeps what is read elsewhere: see linkReads.ts');
      });
      socket.resume();
      client.write(sent);
      await all;
      assert.ok(Buffer.concat(came).equals(sent));
    } finally {
      client.destroy();
      socket.destroy();
      server.close();
    }
  });

  it('whole and in order in both directions, also where it is held again and again', async () => {
    const ends = await pair();
    const sent = [randomBytes(3_000_001), randomBytes(2_000_003)];
    const both = ends.map(async (end, n) => {
      const due = sent[1 - n];
      const came: Buffer[] = [];
      let count = 0;
      await new Promise<void>((resolve) => {
        end.listen({
          received: (bytes) => {
            came.push(Buffer.from(bytes));
            count += bytes.length;
            if (came.length % 7 === 0) {
              end.pause();
              setImmediate(() => end.resume());
            }
            if (count === due.length) resolve();
          },
          closed: (fault) => assert.fail(fault),
        });
        // The first comes before the other side listens.
        end.write(sent[n].subarray(0, 5), () => undefined);
        end.write(sent[n].subarray(5), () => undefined);
      });
      assert.ok(Buffer.concat(came).equals(due));
    });
    await Promise.all(both);
    assert.ok(ends[0].receivedBytes > sent[1].length);
  });

  it('until the other side ends it, which is told once', async () => {
    const [near, far] = await pair();
    const text = Buffer.from('the last words');
    const came: Buffer[] = [];
    const over = new Promise<string>((resolve) => {
      far.listen({
        received: (bytes) => void came.push(Buffer.from(bytes)),
        closed: ({ message }) => resolve(message),
      });
    });
    near.listen({ received: () => undefined, closed: () => undefined });
    near.write(Buffer.alloc(100_000), () => {
      near.write(text, () => undefined);
      near.end();
    });
    assert.match(await over, /closed the connection/);
    const whole = Buffer.concat(came);
    assert.equal(whole.length, 100_000 + text.length);
    assert.ok(whole.subarray(100_000).equals(text));
  });
});
