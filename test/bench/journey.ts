/**
 * The journey link between whole processes, onto a unit's own disk: `npm run bench:journey -- [CAPTURE|-] [FOLDER] [ROUNDS] [MIB]`.
 *
 *   replay   CAPTURE, with CAPTURE.json beside it as `bench` wants it, through the link to a mirror with a history, until all
 *            of it is durable there; the moment at its end is rewound to and must equal the volume
 *   storage  bytes that reach the disk (the far unit's mirror, queue, states and tables, and the file system's own) for each
 *            byte of change, after everything was flushed and, with a history, folded: half of the bytes in runs one behind the
 *            other and half anywhere, changes of 4, 8, 16, 32, 64, 128 and 256 KiB, each length as often
 *   LBN-only the same at a unit in the middle, whose link onwards is too narrow and has next to no buffer: what it passes on
 *            lies in its own mirror, and what is overwritten before that in temporary storage; the unit behind it must hold
 *            the same in the end. An eighth of MIB, so that there are few overwrites
 *
 * FOLDER, by default the system's for temporary files, must lie on a disk that nobody else writes to; a loop device does. (What the
 * kernel counts for a process, `write_bytes`, is whole folios: more than is written.) MIB (1024) are written, with 0 there is the replay alone. Linux only.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LinkKeys } from '../../src/unit/link/journeyTypes.ts';
import { Authority } from '../kit/journey.ts';
import { median } from './figures.ts';
import { Far, type History } from './journeyFar.ts';
import type { NearOrder, NearResult } from './journeyNear.ts';

/** How often changes are written LBN-only, and what the link onwards may keep and send. */
const LBN_SHARE = 8;
const LBN_BUFFER = '1MiB';
const LBN_LIMIT = '8MB';
const LAB_LU = 'iqn.2024-01.lab.example:big/1';
const VOLUME_BYTES = 1024 * 1024 * 1024;

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

async function replays(folder: string, keys: { a: LinkKeys; b: LinkKeys }, capture: string, rounds: number) {
  const sidecar = JSON.parse(readFileSync(`${capture}.json`, 'utf8')) as {
    lun_size: number;
    after_sha256: string;
    lu?: string;
  };
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const far = await Far.start(folder, keys.b, sidecar.lun_size, { history: { window: '1h', bytes: '8GiB' } });
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
    const far = await Far.start(folder, keys.b, VOLUME_BYTES, history ? { history } : {});
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

/** A unit in the middle whose link onwards is too narrow: it keeps the changes by their blocks in its own mirror. */
async function lbnOnly(folder: string, keys: { a: LinkKeys; b: LinkKeys }, bytes: number): Promise<void> {
  const onwards = mkdtempSync(join(tmpdir(), 'tapmirror-bench-'));
  const third = await Far.start(onwards, keys.b, VOLUME_BYTES);
  const link = { to: `journey://127.0.0.1:${third.port}/vol1`, limit: LBN_LIMIT, buffer: { bytes: LBN_BUFFER } };
  const middle = await Far.start(folder, keys.b, VOLUME_BYTES, { further: [link], spill: '4GiB' });
  try {
    await middle.passedOn();
    await middle.quiet(false);
    const before = middle.written;
    const work = { kind: 'mix', bytes } as const;
    const { changed } = await near({ port: middle.port, keys: keys.a, volumeBytes: VOLUME_BYTES, work });
    await middle.passedOn();
    await middle.quiet(false);
    const written = middle.written - before;
    const { recalledBytes, spilledBytes, lostBytes } = middle.copyOut;
    if (recalledBytes === 0 || lostBytes > 0) throw new Error(`${recalledBytes} bytes LBN-only, ${lostBytes} lost`);
    if ((await digest(middle.image)) !== (await digest(third.image))) throw new Error('the third volume differs');
    const share = (of: number): string => (of / changed).toFixed(3);
    const told = `${share(recalledBytes)} of them LBN-only, ${share(spilledBytes)} set aside`;
    console.log(`${'LBN-only'.padEnd(21)} ${share(written)} bytes written a byte, ${told}; equal`);
  } finally {
    await middle.stop();
    await third.stop();
    rmSync(onwards, { recursive: true, force: true });
  }
}

const [capture = '-', place = tmpdir(), rounds = '3', mebibytes = '1024'] = process.argv.slice(2);
const folder = mkdtempSync(join(resolve(place), 'tapmirror-bench-'));
try {
  const authority = await Authority.make();
  const keys = { a: await authority.unit('a'), b: await authority.unit('b') };
  if (capture !== '-') await replays(folder, keys, resolve(capture), Number(rounds));
  const bytes = Number(mebibytes) * 1024 * 1024;
  if (bytes > 0) {
    await storage(folder, keys, bytes);
    await lbnOnly(folder, keys, bytes / LBN_SHARE);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
