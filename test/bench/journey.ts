/**
 * The journey link between whole processes, onto a unit's own disk: `npm run bench:journey -- [CAPTURE|-] [FOLDER] [ROUNDS] [MIB]`.
 *
 *   replay   CAPTURE, with CAPTURE.json beside it as `bench` wants it, through the link to a mirror with a history, until all
 *            of it is durable there; the moment at its end is rewound to and must equal the volume
 *   storage  bytes that reach the disk (the far unit's mirror, queue, states and tables, and the file system's own) for each
 *            byte of change, after everything was flushed and, with a history, folded: half of the bytes in runs one behind the
 *            other and half anywhere, changes of 4, 8, 16, 32, 64, 128 and 256 KiB, each length as often
 *
 * FOLDER, by default the system's for temporary files, must lie on a disk that nobody else writes to; a loop device does. (What the
 * kernel counts for a process, `write_bytes`, is whole folios: more than is written.) MIB (1024) are written. Linux only.
 */
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LinkKeys } from '../../src/unit/journeyTypes.ts';
import { Authority } from '../kit/journey.ts';
import type { NearOrder, NearResult } from './journeyNear.ts';

const LAB_LU = 'iqn.2024-01.lab.example:big/1';
const VOLUME_BYTES = 1024 * 1024 * 1024;
const LAUNCH = fileURLToPath(new URL('../../src/cli/launch.cjs', import.meta.url));
const SECTOR = 512;
const QUIET_MS = 3000;
const LOOK_MS = 250;

interface History {
  window: string;
  bytes: string;
}

/** A unit at the far end, by the program itself. */
class Far {
  readonly folder: string;
  readonly port: number;
  readonly process: ChildProcess;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
    this.process = spawn(process.execPath, [LAUNCH, 'receive', '--config', this.config], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }

  static async start(parent: string, keys: LinkKeys, bytes: number, history?: History): Promise<Far> {
    const folder = join(parent, randomUUID());
    mkdirSync(folder);
    const port = await freePort();
    for (const name of ['ca', 'cert', 'key'] as const) writeFileSync(join(folder, name), keys[name], { mode: 0o600 });
    writeFileSync(join(folder, 'far.img'), '');
    truncateSync(join(folder, 'far.img'), bytes);
    const volume = { name: 'vol1', mirrors: ['file:far.img'], ...(history ? { history } : {}) };
    const config = {
      receive: { listen: `127.0.0.1:${port}` },
      tls: { ca: 'ca', cert: 'cert', key: 'key' },
      state: 'state',
      control: 'control.sock',
      log: { level: 'error' },
      volumes: [volume],
    };
    writeFileSync(join(folder, 'far.json'), JSON.stringify(config));
    const far = new Far(folder, port);
    await far.answer();
    return far;
  }

  get config(): string {
    return join(this.folder, 'far.json');
  }

  get image(): string {
    return join(this.folder, 'far.img');
  }

  /** `tapmirror` as an operator calls it. */
  ask(...words: string[]): string {
    return execFileSync(process.execPath, [LAUNCH, ...words, '--config', this.config], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async answer(): Promise<void> {
    for (;;) {
      try {
        this.ask('history', '--json');
        return;
      } catch (error) {
        // 1: it answers, and keeps no past.
        if ((error as { status?: number }).status === 1) return;
        if (this.process.exitCode !== null) throw new Error('the far unit does not start', { cause: error });
      }
      await pause();
    }
  }

  /** Bytes that the disk below has been given. */
  get written(): number {
    const { dev } = statSync(this.folder);
    // As glibc's major() and minor() take a device number apart.
    const major = ((dev >>> 8) & 0xfff) | (Math.floor(dev / 2 ** 32) & ~0xfff);
    const minor = (dev & 0xff) | ((dev >>> 12) & ~0xff);
    const fields = readFileSync(`/sys/dev/block/${major}:${minor}/stat`, 'latin1').trim().split(/\s+/);
    return Number(fields[6]) * SECTOR;
  }

  flush(): void {
    execFileSync('sync', ['-f', this.folder]);
  }

  /** Entries that are not folded. */
  get entries(): number {
    return (JSON.parse(this.ask('history', '--json')) as { entries: number }).entries;
  }

  /** Resolves once all that is going to be written has been; with a history, once it has been folded as far as it goes. */
  async quiet(history: boolean): Promise<void> {
    const held = (): number => this.written + (history ? this.entries : 0);
    this.flush();
    let last = held();
    for (let since = performance.now(); performance.now() - since < QUIET_MS; ) {
      await pause();
      this.flush();
      const now = held();
      if (now === last) continue;
      last = now;
      since = performance.now();
    }
  }

  async stop(): Promise<void> {
    const over = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await over;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function pause(): Promise<void> {
  return new Promise((done) => setTimeout(done, LOOK_MS));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function near(order: NearOrder): Promise<NearResult> {
  const child = fork(fileURLToPath(new URL('./journeyNear.js', import.meta.url)));
  child.send(order);
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`the near end ended with ${code}`);
  });
  failed.catch(() => undefined);
  const [result] = (await Promise.race([once(child, 'message'), failed])) as [NearResult];
  return result;
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest('hex');
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

async function replays(folder: string, keys: { a: LinkKeys; b: LinkKeys }, capture: string, rounds: number) {
  const sidecar = JSON.parse(readFileSync(`${capture}.json`, 'utf8')) as {
    lun_size: number;
    after_sha256: string;
    lu?: string;
  };
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const far = await Far.start(folder, keys.b, sidecar.lun_size, { window: '1h', bytes: '8GiB' });
    const work = { kind: 'replay', capture, lu: sidecar.lu ?? LAB_LU } as const;
    const cpu = processor(far.process.pid);
    const volumeBytes = sidecar.lun_size;
    const { seconds, used, changed, wire } = await near({ port: far.port, keys: keys.a, volumeBytes, work });
    const farUsed = processor(far.process.pid) - cpu;
    const { newest } = JSON.parse(far.ask('history', '--json')) as { newest: { sequence: number } };
    const out = join(far.folder, 'newest.img');
    far.ask('rewind', '--to', `seq:${newest.sequence}`, '--out', out);
    const sum = await digest(out);
    if (sum !== sidecar.after_sha256) throw new Error(`the far volume differs from the volume: ${sum}`);
    await far.stop();
    rates.push(changed / 1e6 / seconds);
    const share = `link ${(wire / changed).toFixed(4)} bytes a byte`;
    console.log(
      `replay    ${rates[round].toFixed(0)} MB/s of changes (${seconds.toFixed(2)} s), ${share}, processor ${used.toFixed(2)} s near, ${farUsed.toFixed(2)} s far`,
    );
  }
  console.log(`replay    ${median(rates).toFixed(0)} MB/s of changes, median of ${rounds}; equal`);
}

/** Seconds of processor that a process has used. */
function processor(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function storage(folder: string, keys: { a: LinkKeys; b: LinkKeys }, bytes: number): Promise<void> {
  const cases: [string, History | undefined][] = [
    ['without history', undefined],
    ['with history, folded', { window: '1s', bytes: '64MiB' }],
  ];
  for (const [name, history] of cases) {
    const far = await Far.start(folder, keys.b, VOLUME_BYTES, history);
    // What the tables learn of a new volume is no change's.
    await far.quiet(history !== undefined);
    const before = far.written;
    const work = { kind: 'mix', bytes } as const;
    const { changed, wire, seconds } = await near({ port: far.port, keys: keys.a, volumeBytes: VOLUME_BYTES, work });
    await far.quiet(history !== undefined);
    const entries = history ? far.entries : 0;
    const written = far.written - before;
    await far.stop();
    const figures = `${(written / changed).toFixed(3)} bytes written a byte, link ${(wire / changed).toFixed(4)}`;
    console.log(
      `${name.padEnd(21)} ${figures}, ${(changed / 1e6 / seconds).toFixed(0)} MB/s${history ? `, ${entries} entries left` : ''}`,
    );
  }
}

const [capture = '-', place = tmpdir(), rounds = '3', mebibytes = '1024'] = process.argv.slice(2);
const folder = mkdtempSync(join(resolve(place), 'tapmirror-bench-'));
try {
  const authority = await Authority.make();
  const keys = { a: await authority.unit('a'), b: await authority.unit('b') };
  if (capture !== '-') await replays(folder, keys, resolve(capture), Number(rounds));
  await storage(folder, keys, Number(mebibytes) * 1024 * 1024);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
