import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { GUESS_MS, GUESSES, Guesses } from '../../../hw/webGuesses.ts';
import { type WebOptions, WebServer } from '../../../hw/webServer.ts';
import { Fault } from '../../../src/base/fault.ts';

const TOKEN = 'a-token-of-some-length';

describe('H4, H5: pages that are only read', () => {
  let web: WebServer;
  let port: number;
  const failures: unknown[] = [];
  const acted: Record<string, unknown>[] = [];
  const sockets: Socket[] = [];

  async function open(more: Partial<WebOptions> = {}): Promise<void> {
    web = await WebServer.open({
      listen: { host: '127.0.0.1', port: 0 },
      names: ['unit-a.example'],
      page: (path) => (path === '/x' ? { type: 'text/plain', body: 'here' } : undefined),
      orders: {
        token: TOKEN,
        act: async (order) => {
          if (order.do === 'wrong') throw new Fault('peer', 'it cannot', 'try another');
          if (order.do === 'bug') throw new Error('a bug');
          acted.push(order);
          return { done: order.do };
        },
      },
      failed: (error) => failures.push(error),
      ...more,
    });
    port = Number(new URL(web.url).port);
  }

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await web.close();
    failures.length = 0;
    acted.length = 0;
  });

  /** What comes back for these bytes, until the server hangs up or says `until`. */
  async function raw(bytes: string, until?: RegExp): Promise<string> {
    const socket = createConnection({ port, host: '127.0.0.1' });
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(bytes);
    let text = '';
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      text += chunk.toString('latin1');
      if (until?.test(text)) break;
    }
    return text;
  }

  const get = (path: string, headers: Record<string, string> = {}, method = 'GET', body?: string) =>
    fetch(`http://127.0.0.1:${port}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });

  it('gives what is there, forbids browsers to do anything with it, and says what is not there', async () => {
    await open();
    const answer = await get('/x?y=1');
    assert.deepEqual([answer.status, await answer.text()], [200, 'here']);
    assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.equal((await get('/y')).status, 404);
    assert.equal((await get('/../../etc/passwd')).status, 404);
    const head = await get('/x', {}, 'HEAD');
    assert.deepEqual([head.status, head.headers.get('content-length'), await head.text()], [200, '4', '']);
  });

  it('takes addresses and its own names for itself, and no name that was pointed here', async () => {
    await open();
    const ask = async (host: string) =>
      (await raw(`GET /x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).slice(9, 12);
    for (const host of [`127.0.0.1:${port}`, 'localhost', 'LOCALHOST:1', '[::1]:9464', '[fe80::1]', 'Unit-A.example']) {
      assert.equal(await ask(host), '200', host);
    }
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      'unit-a.example.',
      '',
      '[evil]',
      '127.0.0.1.evil',
      'a:b:c',
    ]) {
      assert.equal(await ask(host), '421', host);
    }
    assert.match(await raw('GET /x HTTP/1.1\r\n\r\n'), / 421 /);
  });

  it('refuses what other sites make a browser send', async () => {
    await open();
    assert.equal(
      (await raw(`GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n\r\n`)).slice(9, 12),
      '403',
    );
    assert.equal((await raw(`GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil\r\n\r\n`)).slice(9, 12), '403');
    const own = `GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n\r\n`;
    assert.equal((await raw(own)).slice(9, 12), '200');
  });

  it('only reads: other methods and bodies are refused, and the connection ends there (no request hides in another)', async () => {
    await open();
    for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PATCH']) assert.equal((await get('/x', {}, method)).status, 405);
    const hidden = 'GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
    for (const header of [
      `Content-Length: ${hidden.length}`,
      'Transfer-Encoding: chunked',
      'Content-Length: 5\r\nTransfer-Encoding: chunked',
      'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
      'Content-Length: 3\r\nContent-Length: 4',
    ]) {
      const answers = (await raw(`GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n${header}\r\n\r\n${hidden}`)).match(
        /HTTP\/1\.1 \d+/g,
      );
      assert.ok(
        answers?.every((one) => one === 'HTTP/1.1 400'),
        `${header}: ${answers}`,
      );
    }
    assert.match(await raw('\x16\x03\x01\x02\x00nonsense\r\n\r\n'), /^HTTP\/1\.1 400/);
    assert.match(await raw(`GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 4/);
    assert.deepEqual(failures, []);
  });

  it('takes orders from one who knows the token, and from nobody else', async () => {
    await open();
    const json = { 'Content-Type': 'application/json' };
    const order = (headers: Record<string, string>, body: string, path = '/order') => get(path, headers, 'POST', body);
    const bearer = { ...json, Authorization: `Bearer ${TOKEN}` };
    assert.equal((await order(json, '{"do":"x"}')).status, 401);
    assert.equal((await order({ ...json, Authorization: 'Bearer wrong' }, '{"do":"x"}')).status, 401);
    assert.equal((await order({ ...json, Authorization: `Basic ${TOKEN}` }, '{"do":"x"}')).status, 401);
    assert.equal((await order({ Authorization: `Bearer ${TOKEN}` }, '{"do":"x"}')).status, 415);
    assert.equal((await order(bearer, '[1]')).status, 400);
    assert.equal((await order(bearer, '{"do":')).status, 400);
    assert.equal((await order(bearer, `{"do":"${'x'.repeat(20_000)}"}`)).status, 400);
    assert.equal((await order(bearer, '{"do":"x"}', '/x')).status, 405);
    assert.deepEqual(acted, []);
    const done = await order(bearer, '{"do":"x"}');
    assert.deepEqual([done.status, await done.json()], [200, { ok: true, result: { done: 'x' } }]);
    const wrong = await order(bearer, '{"do":"wrong"}');
    assert.deepEqual(
      [wrong.status, await wrong.json()],
      [409, { ok: false, error: { message: 'it cannot', mend: 'try another' } }],
    );
    assert.equal((await order(bearer, '{"do":"bug"}')).status, 500);
    assert.equal(failures.length, 1);
  });

  it('lets nobody guess the token at length: not even the right one is looked at for a while', async () => {
    let now = 0;
    const told: string[] = [];
    await open({ now: () => now, guessed: (address) => told.push(address) });
    const order = (token?: string) => {
      const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
      return get('/order', headers, 'POST', '{"do":"x"}');
    };
    // Who shows none guesses nothing.
    for (let n = 0; n < 2 * GUESSES; n++) assert.equal((await order()).status, 401);
    for (let n = 0; n < GUESSES; n++) {
      assert.deepEqual(told, []);
      assert.equal((await order(`guess-${n}`)).status, 401);
    }
    assert.deepEqual(told, ['127.0.0.1']);
    const late = await order(TOKEN);
    assert.deepEqual([late.status, late.headers.get('retry-after')], [429, '10']);
    assert.match(await late.text(), /wrong tokens came from there: none is looked at for 10 s/);
    assert.deepEqual(acted, []);
    // What is only read is read by anybody.
    assert.equal((await get('/x')).status, 200);
    now = GUESS_MS;
    assert.equal((await order(TOKEN)).status, 200);
    assert.equal((await order('one-more')).status, 401);
    assert.equal((await order(TOKEN)).status, 429);
    now = 3 * GUESS_MS;
    assert.equal((await order(TOKEN)).status, 200);
  });

  it('counts guesses by the machine that they come from, in bounded memory', () => {
    const guesses = new Guesses();
    const exhaust = (address: string, now = 0): void => {
      for (let n = 0; n < GUESSES; n++) guesses.wrong(address, now);
    };
    exhaust('10.0.0.1');
    exhaust('fd00:0:0:1::7');
    assert.equal(guesses.waitMs('10.0.0.1', 0), GUESS_MS);
    assert.equal(guesses.waitMs('::ffff:10.0.0.1', 0), GUESS_MS);
    assert.equal(guesses.waitMs('10.0.0.2', 0), 0);
    assert.equal(guesses.waitMs('fd00::1:aaaa:bbbb:cccc:dddd', 0), GUESS_MS);
    assert.equal(guesses.waitMs('fd00:0:0:2::7', 0), 0);
    // A thousand machines guess at one time: whoever comes then is one with all the others who do.
    for (let n = 0; n < 2000; n++) guesses.wrong(`10.1.${n >> 8}.${n & 255}`, 0);
    assert.ok(guesses.waitMs('10.2.0.1', 0) > 0);
    assert.equal(guesses.waitMs('10.1.0.1', 0), 0);
    const later = 3000 * GUESS_MS;
    guesses.wrong('10.3.0.1', later);
    assert.equal(guesses.waitMs('10.2.0.1', later), 0);
  });

  it('takes no orders where no token is set', async () => {
    await open({ orders: undefined as never });
    assert.equal((await get('/order', { Authorization: `Bearer ${TOKEN}` }, 'POST', '{}')).status, 405);
  });

  it('is not kept busy by many who say nothing, and serves again once they are gone', async () => {
    await open({ connectionsMax: 4 });
    const idle = Array.from({ length: 4 }, () => createConnection({ port, host: '127.0.0.1' }));
    sockets.push(...idle);
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    // Each of them holds one of the places: this one is let go at once.
    const late = createConnection({ port, host: '127.0.0.1' });
    sockets.push(late);
    late.on('error', () => undefined);
    await once(late, 'close');
    for (const socket of idle) socket.destroy();
    await Promise.all(idle.map((socket) => (socket.closed ? undefined : once(socket, 'close'))));
    let status = 0;
    for (let turn = 0; status !== 200 && turn < 100; turn++)
      status = (await get('/x').catch(() => undefined))?.status ?? 0;
    assert.equal(status, 200);
  });

  it('says why it cannot listen', async () => {
    await open();
    const again = WebServer.open({
      listen: { host: '127.0.0.1', port },
      page: () => undefined,
      failed: () => undefined,
    });
    await assert.rejects(again, (fault: Fault) => {
      assert.match(fault.message, /is taken by another program/);
      return true;
    });
  });
});
