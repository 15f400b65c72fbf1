import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../kit/freePort.ts';
import { MAIN } from '../../kit/program.ts';

const LU = 'iqn.2024-01.lab.example:1/1';

let folder: string;
const children = new Set<ChildProcess>();

interface Unit {
  child: ChildProcess;
  /** Resolves with the ready line; rejects when the process ends without one. */
  ready: Promise<string>;
  /** Resolves with the exit status (or the signal) and standard error once it has ended. */
  ended: Promise<{ code: number | string | null; err: string }>;
}

function start(config: string): Unit {
  const child = spawn(process.execPath, [MAIN, 'run', '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk;
  });
  const ended = once(child, 'close').then(([code, signal]) => {
    children.delete(child);
    return { code: signal ?? code, err };
  });
  const ready = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    void ended.then(({ err }) => reject(new Error(`ended before it was ready: ${err}`)));
  });
  ready.catch(() => {});
  return { child, ready, ended };
}

function tapmirror(...words: string[]): { code: number | null; out: string; err: string } {
  const run = spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8', timeout: 60_000 });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

async function configure(
  name: string,
  more: object = {},
  mirror?: unknown,
): Promise<{ config: string; listen: number }> {
  const [listen, target] = [await freePort(), await freePort()];
  for (const image of ['first', 'second']) {
    writeFileSync(join(folder, `${name}-${image}.img`), '');
    truncateSync(join(folder, `${name}-${image}.img`), 1 << 20);
  }
  const config = join(folder, `${name}.json`);
  const volume = {
    lu: LU,
    first: `file:${name}-first.img`,
    mirrors: [mirror ?? `file:${name}-second.img`],
    blockSize: 512,
  };
  writeFileSync(
    config,
    JSON.stringify({
      source: { tee: { listen: `127.0.0.1:${listen}`, target: `127.0.0.1:${target}` } },
      state: `${name}.state`,
      volumes: [volume],
      ...more,
    }),
    { mode: 0o600 },
  );
  return { config, listen };
}

describe('H1 a unit as a process', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-unit-'));
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });

  it('says ready, tells how it stands, and ends with 0 on SIGTERM', async () => {
    const { config, listen } = await configure('plain');
    const { child, ready, ended } = start(config);
    assert.match(await ready, new RegExp(`^ready: tee 127\\.0\\.0\\.1:${listen} -> .*1 volume`));
    const { code, out, err } = tapmirror('status', '--config', config, '--json');
    assert.equal(code, 0, err);
    const { volumes, source } = JSON.parse(out);
    assert.equal(source.kind, 'tee');
    assert.equal(volumes[0].lu, LU);
    assert.equal(volumes[0].mirrors[0].to, 'file:plain-second.img');
    assert.match(tapmirror('status', '--config', config).out, /MIRROR +STATE +BEHIND/);
    assert.equal(lstatSync(join(folder, 'plain.state/control.sock')).mode & 0o777, 0o600);
    child.kill('SIGTERM');
    const end = await ended;
    assert.equal(end.code, 0, end.err);
    assert.ok(!readdirSync(join(folder, 'plain.state')).includes('control.sock'));
    for (const line of end.err.trim().split('\n')) assert.ok(JSON.parse(line).timestamp, line);
    assert.equal(tapmirror('status', '--config', config).code, 4);
  });

  it('refuses to be started twice, and starts again after a kill', async () => {
    const { config } = await configure('twice');
    const first = start(config);
    await first.ready;
    const second = tapmirror('run', '--config', config);
    assert.equal(second.code, 1);
    assert.match(second.err, /^tapmirror: a unit is running at the control socket .*; stop it first[^\n]*\n$/);
    first.child.kill('SIGKILL');
    assert.equal((await first.ended).code, 'SIGKILL');
    const gone = tapmirror('status', '--config', config, '--json');
    assert.match(gone.err, /no unit answers at .*: it was killed/);
    assert.equal(gone.code, 4);
    const again = start(config);
    await again.ready;
    assert.equal(tapmirror('status', '--config', config, '--json').code, 0);
    again.child.kill('SIGINT');
    assert.equal((await again.ended).code, 0);
  });

  it('refuses two units that share a state folder or a mirror', async () => {
    const { config } = await configure('shared');
    const first = start(config);
    await first.ready;
    const folderTaken = await configure('other', { state: 'shared.state', control: 'other.sock' });
    const one = tapmirror('run', '--config', folderTaken.config);
    assert.equal(one.code, 1);
    assert.match(one.err, /tapmirror: [^\n]*shared\.state[^\n]*\n$/);
    const mirrorTaken = await configure('third', {}, 'file:shared-second.img');
    const two = tapmirror('run', '--config', mirrorTaken.config);
    assert.equal(two.code, 1);
    assert.match(two.err, /tapmirror: [^\n]*shared-second\.img[^\n]*\n$/);
    first.child.kill('SIGTERM');
    assert.equal((await first.ended).code, 0);
  });

  it('H5 says what is wrong and leaves nothing running: a port in use, a mirror that is missing or too small', async () => {
    const { config, listen } = await configure('bad');
    const server = createServer().listen(listen, '127.0.0.1');
    await once(server, 'listening');
    const taken = tapmirror('run', '--config', config);
    server.close();
    assert.equal(taken.code, 1);
    assert.match(taken.err, new RegExp(`tapmirror: [^\\n]*127\\.0\\.0\\.1:${listen}[^\\n]*; [^\\n]+\\n$`));
    truncateSync(join(folder, 'bad-second.img'), 4096);
    const small = tapmirror('run', '--config', config);
    assert.equal(small.code, 1);
    assert.match(small.err, /tapmirror: [^\n]*bad-second\.img is too small[^\n]*\n$/);
    const missing = await configure('missing', {}, 'file:none.img');
    const none = tapmirror('run', '--config', missing.config);
    assert.equal(none.code, 1);
    assert.match(none.err, /tapmirror: [^\n]*none\.img does not exist[^\n]*\n$/);
    assert.equal(taken.out + small.out + none.out, '');
  });

  it('shows no secret in its log, its status or its errors', async () => {
    const port = await freePort();
    const url = `iscsi://joe%S3CR3T@127.0.0.1:${port}/iqn.2024-01.lab.example:second/1`;
    const { config } = await configure('secret', { log: { level: 'debug' } }, url);
    const { child, ready, ended } = start(config);
    await ready;
    const json = tapmirror('status', '--config', config, '--json');
    const table = tapmirror('status', '--config', config);
    child.kill('SIGTERM');
    const end = await ended;
    assert.equal(end.code, 0, end.err);
    assert.match(json.out, /iscsi:\/\/joe@127\.0\.0\.1/);
    for (const said of [end.err, json.out, json.err, table.out, table.err, await ready]) {
      assert.doesNotMatch(said, /S3CR3T/);
    }
  });
});
