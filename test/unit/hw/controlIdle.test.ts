import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlOptions, ControlServer } from '../../../hw/controlServer.ts';

const IDLE_MS = 30;

describe('H5 idle peers of the control socket', () => {
  let folder: string;
  let path: string;
  let server: ControlServer;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-idle-'));
    path = join(folder, 'c.sock');
  });
  afterEach(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  async function serve(answer: ControlOptions['answer']): Promise<void> {
    server = await ControlServer.open({ path, idleMs: IDLE_MS, answer, failed: (error) => assert.fail(`${error}`) });
  }

  /** All that comes back for these bytes until the unit hangs up. */
  async function say(bytes: string): Promise<string> {
    const socket = createConnection({ path }).setEncoding('utf8');
    let said = '';
    socket.on('data', (text: string) => {
      said += text;
    });
    socket.on('error', () => {});
    socket.write(bytes);
    await once(socket, 'close');
    return said;
  }

  /** Waits for what has no event of its own; the test's time limit bounds it. */
  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve));
  }

  it('one that says nothing, or no whole request, is let go', async () => {
    await serve(() => assert.fail('nothing was asked'));
    assert.equal(await say(''), '');
    assert.equal(await say('{"v":1,'), '');
  });

  it('one that takes nothing is let go', async () => {
    let asked = false;
    await serve(() => {
      asked = true;
      return 'x'.repeat(4 << 20);
    });
    const lazy: Socket = createConnection({ path }).on('error', () => {});
    lazy.pause().write('{"v":1,"do":"x"}\n');
    const closed = once(lazy, 'close');
    // Everything that the socket holds was sent before the unit gave up; then its end comes.
    await until(() => asked && server.peers === 0);
    lazy.resume();
    await closed;
    assert.ok(lazy.bytesRead < 4 << 20);
  });

  it('one whose request came while the unit itself stood still is answered', async () => {
    await serve(({ do: what }) => ({ asked: what }));
    const socket = createConnection({ path });
    await once(socket, 'connect');
    await until(() => server.peers === 1);
    socket.write('{"v":1,"do":"a"}\n');
    // Its time is over before anything of it is read.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * IDLE_MS);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.deepEqual(JSON.parse(String(answer)), { v: 1, ok: true, result: { asked: 'a' } });
    socket.destroy();
  });
});
