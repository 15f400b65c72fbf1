import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { askControl } from '../../../hw/controlClient.ts';
import { groupId, maySearch } from '../../../hw/controlGroup.ts';
import { type ControlOptions, ControlServer, clearControlPath } from '../../../hw/controlServer.ts';
import { type ControlRequest, Lines, NoAnswer } from '../../../hw/controlWire.ts';
import { Fault } from '../../../src/base/fault.ts';

let folder: string;
let number = 0;
const open: ControlServer[] = [];
const failures: unknown[] = [];

function freshPath(): string {
  return join(folder, `${number++}.sock`);
}

async function serve(options: Partial<ControlOptions> = {}): Promise<string> {
  const path = options.path ?? freshPath();
  const answer = ({ do: what }: ControlRequest) => ({ asked: what });
  open.push(await ControlServer.open({ path, answer, failed: (error) => failures.push(error), ...options }));
  return path;
}

/** Sends bytes and resolves with everything that comes back until the unit hangs up. */
async function say(path: string, bytes: string | Uint8Array, end = false): Promise<string> {
  const socket = createConnection({ path });
  let said = '';
  socket.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  socket.on('error', () => {});
  socket.write(bytes);
  if (end) socket.end();
  await new Promise((resolve) => socket.once('close', resolve));
  return said;
}

/** Connects and resolves with the next line whenever asked. */
function talk(path: string): { socket: Socket; next: () => Promise<Record<string, unknown>> } {
  const socket = createConnection({ path });
  const lines = new Lines(1 << 20);
  const waiting: Uint8Array[] = [];
  socket.on('error', () => {});
  const next = async () => {
    while (waiting.length === 0) {
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      waiting.push(...(lines.push(bytes) ?? []));
    }
    return JSON.parse(String(waiting.shift()));
  };
  return { socket, next };
}

const isFault = (wanted: RegExp) => (error: unknown) =>
  error instanceof Fault && error.blame === 'local' && wanted.test(error.message) && error.mend !== undefined;

describe('H1 the control socket', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-control-'));
  });
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
    assert.deepEqual(failures.splice(0), []);
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  it('answers what it is asked, on a socket of its own user only, and is gone afterwards', async () => {
    const path = await serve();
    assert.equal(lstatSync(path).mode & 0o777, 0o600);
    assert.deepEqual(await askControl(path, { do: 'status' }), { asked: 'status' });
    await open.splice(0)[0].close();
    assert.throws(() => lstatSync(path), { code: 'ENOENT' });
  });

  it('answers many requests of one connection in their order, also those sent at once', async () => {
    const path = await serve({ answer: async ({ n }) => (n === 0 ? await lateZero() : n) });
    const requests = Array.from({ length: 50 }, (_, n) => `${JSON.stringify({ v: 1, do: 'x', n })}\n`).join('');
    const lines = (await say(path, requests, true)).trim().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).result),
      Array.from({ length: 50 }, (_, n) => n),
    );
  });

  it('tells a refusal with its mend, and our own mistakes without their insides', async () => {
    const path = await serve({
      answer: ({ do: what }) => {
        if (what === 'bug') throw new TypeError('secret insides');
        throw new Fault('peer', 'cannot', 'do that');
      },
    });
    await assert.rejects(askControl(path, { do: 'x' }), (error) => {
      return error instanceof Fault && /cannot$/.test(error.message) && error.mend === 'do that';
    });
    await assert.rejects(askControl(path, { do: 'bug' }), (error) => {
      return (
        error instanceof Fault && /a mistake in tapmirror itself/.test(error.message) && !/inside/.test(error.message)
      );
    });
    assert.match(String(failures.splice(0)), /secret insides/);
  });

  it('tells how far a job is, for as long as it takes, and ends it when its peer has gone', async () => {
    const told: unknown[] = [];
    const gone: Promise<void>[] = [];
    const path = await serve({
      idleMs: 30,
      answer: async ({ do: what }, { progress, signal }) => {
        for (let done = 1; done <= 4; done++) {
          progress({ done, total: 4 });
          await pause(20);
        }
        if (what === 'short') return 'ready';
        gone.push(once(signal, 'abort').then(() => {}));
        const telling = setInterval(() => progress({ done: 4, total: 4 }), 5);
        await gone[0];
        clearInterval(telling);
        throw new Error('of no account');
      },
    });
    assert.equal(await askControl(path, { do: 'short' }, 30_000, (one) => told.push(one)), 'ready');
    assert.deepEqual(
      told,
      [1, 2, 3, 4].map((done) => ({ done, total: 4 })),
    );
    const { socket, next } = talk(path);
    socket.write('{"v":1,"do":"long"}\n');
    for (let n = 0; n < 5; n++) assert.equal((await next()).v, 1);
    socket.destroy();
    await gone[0];
  });

  describe('a group that may ask, too', () => {
    it('has the socket, and nobody else has', async () => {
      const group = process.getegid?.() ?? 0;
      const path = await serve({ group: String(group) });
      const { mode, gid } = lstatSync(path);
      assert.deepEqual([mode & 0o777, gid], [0o660, group]);
      assert.deepEqual(await askControl(path, { do: 'status' }), { asked: 'status' });
    });

    it('lets its members in, whoever they are, and no others', async function () {
      // Only root may be somebody else.
      if (process.geteuid?.() !== 0) this.skip();
      const [group, other] = [64_242, 64_243];
      await chmod(folder, 0o755);
      const path = await serve({ group: String(group) });
      const code = `require('node:net').connect(${JSON.stringify(path)})
        .on('connect', () => process.exit(0)).on('error', ({ code }) => process.exit(code === 'EACCES' ? 13 : 1))`;
      const asked = (gid: number) => spawnSync(process.execPath, ['-e', code], { uid: other, gid, cwd: '/' }).status;
      assert.deepEqual([asked(group), asked(other)], [0, 13]);
    });

    it('has to be there', async () => {
      const path = freshPath();
      const none = isFault(/there is no group no-such-group$/);
      await assert.rejects(serve({ path, group: 'no-such-group' }), none);
      await assert.rejects(clearControlPath(path, 'no-such-group'), none);
      assert.throws(() => lstatSync(path), { code: 'ENOENT' });
      assert.equal(await groupId('root'), 0);
    });

    it('has to be able to reach it: a folder tells', async () => {
      const [open, group, closed] = [0o701, 0o710, 0o700].map((mode, n) => ({ mode, path: join(folder, `way-${n}`) }));
      for (const { path, mode } of [open, group, closed]) {
        await mkdir(path);
        await chmod(path, mode);
      }
      const { gid } = lstatSync(folder);
      const may = (path: string, one: number) => maySearch(path, one);
      assert.deepEqual(await Promise.all([may(open.path, gid + 1), may(group.path, gid), may(closed.path, gid)]), [
        true,
        true,
        false,
      ]);
      assert.equal(await may(group.path, gid + 1), false);
      assert.equal(await may(join(folder, 'not-there'), gid), undefined);
    });
  });

  describe('where it may be', () => {
    it('takes the place of a socket that a killed unit left behind', async () => {
      const path = freshPath();
      await leftBehind(path);
      await serve({ path });
      assert.deepEqual(await askControl(path, { do: 'x' }), { asked: 'x' });
    });

    it('not where a unit answers', async () => {
      const path = await serve();
      await assert.rejects(serve({ path }), isFault(/a unit is running at the control socket/));
      assert.deepEqual(await askControl(path, { do: 'x' }), { asked: 'x' });
    });

    it('not on a file, a folder, a link, or in a folder that is missing', async () => {
      const file = freshPath();
      await writeFile(file, 'precious');
      await assert.rejects(serve({ path: file }), isFault(/is there and is no socket/));
      const dir = freshPath();
      await mkdir(dir);
      await assert.rejects(serve({ path: dir }), isFault(/is there and is no socket/));
      const link = freshPath();
      await symlink(file, link);
      await assert.rejects(serve({ path: link }), isFault(/is there and is no socket/));
      await assert.rejects(serve({ path: join(folder, 'none/c.sock') }), isFault(/folder that does not exist/));
      await assert.rejects(serve({ path: join(file, 'c.sock') }), isFault(/is not a folder/));
    });

    it('not at a path longer than 107 bytes, which the kernel would cut', async () => {
      const longest = join(folder, 'x'.repeat(107 - folder.length - 1));
      assert.equal(longest.length, 107);
      await serve({ path: longest });
      assert.deepEqual(await askControl(longest, { do: 'x' }), { asked: 'x' });
      await assert.rejects(serve({ path: `${longest}x` }), isFault(/is 108 bytes long, more than the 107/));
      await assert.rejects(askControl(`${longest}x`, { do: 'x' }), isFault(/is 108 bytes long/));
    });

    it('is looked at before anything else is begun', async () => {
      const path = await serve();
      await assert.rejects(clearControlPath(path), isFault(/a unit is running/));
      await clearControlPath(freshPath());
    });
  });

  describe('H5 hostile peers', () => {
    const error = (text: string) => JSON.parse(text.trim()).error.message as string;

    it('what is no JSON object gets an error line and is hung up on', async () => {
      const path = await serve();
      for (const bytes of ['GET / HTTP/1.1\r\n', '[1]\n', '\n', 'null\n', '"x"\n', Uint8Array.of(0xff, 0xfe, 10)]) {
        assert.match(error(await say(path, bytes)), /not a JSON object/);
      }
    });

    it('another version, or nothing asked, gets an error and may ask again', async () => {
      const path = await serve();
      const { socket, next } = talk(path);
      for (const request of ['{}', '{"v":2,"do":"status"}', '{"v":1,"do":7}', '{"do":"status"}']) {
        socket.write(`${request}\n`);
        const answer = await next();
        assert.equal(answer.ok, false);
        assert.match((answer.error as Record<string, string>).message, /does not know/);
      }
      socket.write('{"v":1,"do":"status"}\n');
      assert.deepEqual(await next(), { v: 1, ok: true, result: { asked: 'status' } });
      socket.destroy();
    });

    it('a line without end is cut off at 64 KiB', async () => {
      const path = await serve();
      assert.match(error(await say(path, 'x'.repeat(65_537))), /longer than 65536 bytes/);
      // Who still sends may lose the words; the unit reads no further.
      assert.match(await say(path, 'x'.repeat(8 << 20)), /^$|longer than 65536 bytes/);
      assert.match(error(await say(path, '{"v":1', true)), /without an end/);
    });

    it('more peers than are served get an error line; the others are served on', async () => {
      const path = await serve({ connectionsMax: 2 });
      const held = [talk(path), talk(path)];
      for (const { socket, next } of held) {
        socket.write('{"v":1,"do":"a"}\n');
        await next();
      }
      assert.match(error(await say(path, '')), /2 others are connected/);
      held[0].socket.write('{"v":1,"do":"b"}\n');
      assert.deepEqual((await held[0].next()).result, { asked: 'b' });
      held[0].socket.destroy();
      await until(() => open[0].peers < 2);
      assert.deepEqual(await askControl(path, { do: 'c' }), { asked: 'c' });
      held[1].socket.destroy();
    });

    it('peers that vanish in the middle leave nothing behind', async () => {
      const path = await serve({ answer: () => 'x'.repeat(1 << 20) });
      for (let n = 0; n < 20; n++) {
        const socket = createConnection({ path });
        await once(socket, 'connect');
        socket.write('{"v":1,"do":"x"}\n{"v":1,');
        socket.destroy();
      }
      await until(() => open[0].peers === 0);
    });

    it('any bytes at all get an answer or an error, and the next peer is served', async () => {
      const path = await serve();
      const noise = fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.json().map((text) => Buffer.from(`${text}\n`)),
        fc.json().map((text) => Buffer.from(`{"v":1,"do":${text}}\n`)),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(noise, { minLength: 1, maxLength: 4 }), async (parts) => {
          const said = await say(path, Buffer.concat(parts), true);
          for (const line of said.split('\n').slice(0, -1)) assert.equal(JSON.parse(line).v, 1);
          assert.ok(said === '' || said.endsWith('\n'));
        }),
        { numRuns: 150 },
      );
      assert.deepEqual(await askControl(path, { do: 'x' }), { asked: 'x' });
    });

    it('a unit that is stopped lets its peers go', async () => {
      const path = await serve();
      const { socket, next } = talk(path);
      socket.write('{"v":1,"do":"a"}\n');
      await next();
      const closed = once(socket, 'close');
      await open.splice(0)[0].close();
      await closed;
    });
  });

  describe('who asks', () => {
    it('is told when no unit is there, or none any more', async () => {
      const gone = (wanted: RegExp) => (error: unknown) => error instanceof NoAnswer && wanted.test(error.message);
      await assert.rejects(askControl(freshPath(), { do: 'x' }), gone(/there is no control socket at .* not running/));
      const path = freshPath();
      await leftBehind(path);
      await assert.rejects(askControl(path, { do: 'x' }), gone(/no unit answers at .* killed/));
    });

    const liars: [name: string, answer: string | undefined, wanted: RegExp, none: boolean][] = [
      ['nothing', undefined, /does not answer within 0\.05 s/, true],
      ['an end', '', /hung up without an answer/, true],
      ['noise', 'x\n', /is no unit/, false],
      ['another version', '{"v":2}\n', /another version/, false],
      ['a refusal without words', '{"v":1,"ok":false}\n', /refuses, without a word/, false],
      ['a line without end', 'x'.repeat((16 << 20) + 1), /has no end/, false],
    ];
    for (const [name, answer, wanted, none] of liars) {
      it(`H5 is told when what answers says ${name}`, async () => {
        const path = freshPath();
        const server = createServer((socket) => {
          socket.on('error', () => {}).resume();
          if (answer === '') socket.end();
          else if (answer !== undefined) socket.write(answer);
        }).listen(path);
        await once(server, 'listening');
        try {
          await assert.rejects(askControl(path, { do: 'x' }, answer === undefined ? 50 : 5000), (error) => {
            assert.ok(error instanceof Fault);
            assert.match(error.message, wanted);
            assert.equal(error instanceof NoAnswer, none);
            return true;
          });
        } finally {
          server.close();
        }
      });
    }
  });
});

/** A socket's file that nobody listens at: what a killed unit leaves. */
async function leftBehind(path: string): Promise<void> {
  const code = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  assert.equal(spawnSync(process.execPath, ['-e', code]).signal, 'SIGKILL');
  assert.ok(lstatSync(path).isSocket());
}

async function lateZero(): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  return 0;
}

/** Waits for what has no event of its own; the test's time limit bounds it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
