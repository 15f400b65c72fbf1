/**
 * `node dist/test/bench/tap.js [ROUNDS] [SECONDS]`: what capturing costs. A target with its disk in memory is read and written
 * through loopback by `qemu-img bench`; the tap and dumpcap listen in turn with the same filter, kernel buffer and snap length.
 *
 * Processor time is that of the capturing thread and of the dumpcap process (/proc/.../stat), per gigabyte that was captured;
 * the ratio is taken pair by pair. dumpcap writes a ring of files in memory (it copies what it captures, as the tap does), and
 * in a further round throws everything away. What the tap captures is decoded, which shows every byte that is missing, with or
 * without a counted drop. Needs root, tgt, qemu-utils, qemu-block-extra and dumpcap.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTap } from '../../hw/tap.ts';
import { Snoop } from '../../src/snoop/snoop.ts';
import { portalFilter } from '../../src/unit/bus/tapFilter.ts';
import { median } from './figures.ts';

const PORT = 14310;
const CONTROL = '7530';
const IQN = 'iqn.2024-01.lab.example:tap';
const DISK_BYTES = 512 * 2 ** 20;
const BUFFER_MIB = 256;
const URL = `iscsi://127.0.0.1:${PORT}/${IQN}/1`;
const LOADS = [
  { name: 'write 256K d4', words: ['-w', '-d', '4', '-s', '262144', '-S', '262144'], bytes: 262144 },
  { name: 'read 256K d4', words: ['-d', '4', '-s', '262144', '-S', '262144'], bytes: 262144 },
  { name: 'write 4K d32', words: ['-w', '-d', '32', '-s', '4096', '-S', '4096'], bytes: 4096 },
] as const;
type Load = (typeof LOADS)[number];

interface Figures {
  /** Gigabytes and frames captured. */
  gigabytes: number;
  frames: number;
  /** Processor seconds of what captured, and in all. */
  seconds: number;
  drops: number;
  /** Bytes that the decoder missed. */
  missing: number;
  rate: number;
}

function ticks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function threads(): Map<string, number> {
  const found = new Map<string, number>();
  for (const id of readdirSync('/proc/self/task')) {
    found.set(id, ticks(readFileSync(`/proc/self/task/${id}/stat`, 'latin1')));
  }
  return found;
}

/** One load; resolves with the bytes per second that it reached. */
async function drive(load: Load, count: number): Promise<number> {
  const child = spawn('qemu-img', ['bench', '-f', 'raw', '-t', 'none', '-c', String(count), ...load.words, URL], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = await text(child);
  const took = /in ([0-9.]+) sec/.exec(said);
  if (took === null) throw new Error(`qemu-img: ${said}`);
  return (count * load.bytes) / Number(took[1]);
}

async function text(child: ChildProcess): Promise<string> {
  let said = '';
  child.stdout?.on('data', (bytes) => {
    said += bytes;
  });
  await new Promise((resolve) => child.once('close', resolve));
  return said;
}

async function withTap(load: Load, count: number): Promise<Figures> {
  const before = threads();
  const tap = await openTap({
    interfaces: ['lo'],
    filter: portalFilter({ portals: [`127.0.0.1:${PORT}`], tunnels: false }),
    bufferBytes: BUFFER_MIB * 2 ** 20,
    notice: (words) => console.log(`         ${words}`),
  });
  let frames = 0;
  let bytes = 0;
  let missing = 0;
  const snoop = new Snoop({
    sink: {
      hole: (view) => {
        missing += view.bytes;
      },
    },
  });
  tap.beforeReuse = (old) => snoop.beforeReuse(old);
  const reading = (async () => {
    for (;;) {
      const run = await tap.next();
      if (run === undefined) return;
      frames += run.to - run.from;
      snoop.consume(run.batch, run.from, run.to);
      for (let i = run.from; i < run.to; i++) bytes += run.batch.captured[i];
    }
  })();
  const rate = await drive(load, count);
  await tap.stop();
  await reading;
  snoop.finish();
  const { kernel, interface: lost, own } = tap.drops();
  await tap.close();
  // The capturing thread is the one, beside this one, that has worked most.
  let seconds = 0;
  for (const [id, used] of threads()) {
    if (id !== String(process.pid)) seconds = Math.max(seconds, used - (before.get(id) ?? 0));
  }
  return { gigabytes: bytes / 1e9, frames, seconds, drops: kernel + lost + own, missing, rate };
}

async function withDumpcap(load: Load, count: number, folder: string, discard: boolean): Promise<Figures> {
  const out = discard
    ? ['-w', '/dev/null']
    : ['-w', join(folder, 'ring.pcapng'), '-b', 'filesize:65536', '-b', 'files:3'];
  const words = ['-i', 'lo', '-q', '-B', String(BUFFER_MIB), '-s', '262144', '-f', `tcp port ${PORT}`, ...out];
  const child = spawn('dumpcap', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (more) => {
      said += more;
      if (said.includes('File:')) resolve();
    });
  });
  const rate = await drive(load, count);
  await new Promise((resolve) => setTimeout(resolve, 400));
  const seconds = ticks(readFileSync(`/proc/${child.pid}/stat`, 'latin1'));
  child.kill('SIGINT');
  await new Promise((resolve) => child.once('close', resolve));
  const counts = /received\/dropped on interface[^:]*: (\d+)\/(\d+)/.exec(said);
  return { gigabytes: 0, frames: Number(counts?.[1] ?? 0), seconds, drops: Number(counts?.[2] ?? 0), missing: 0, rate };
}

async function startTarget(folder: string): Promise<ChildProcess> {
  const disk = join(folder, 'disk.img');
  writeFileSync(disk, '');
  truncateSync(disk, DISK_BYTES);
  const target = spawn('tgtd', ['-f', '-C', CONTROL, '--iscsi', `portal=127.0.0.1:${PORT}`], { stdio: 'ignore' });
  const admin = (...words: string[]) =>
    execFileSync('tgtadm', ['-C', CONTROL, '--lld', 'iscsi', '--mode', ...words], { stdio: 'pipe' });
  for (let i = 0; ; i++) {
    try {
      admin('system', '--op', 'show');
      break;
    } catch (error) {
      if (i === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  admin('target', '--op', 'new', '--tid', '1', '--targetname', IQN);
  admin('target', '--op', 'bind', '--tid', '1', '--initiator-address', 'ALL');
  admin('logicalunit', '--op', 'new', '--tid', '1', '--lun', '1', '--backing-store', disk);
  return target;
}

async function stopTarget(target: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => target.once('exit', resolve));
  target.kill();
  // It may not end while a session is being closed.
  const timer = setTimeout(() => target.kill('SIGKILL'), 2000);
  await ended;
  clearTimeout(timer);
}

const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 2);
const folder = mkdtempSync('/dev/shm/tapmirror-tap-');
let target: ChildProcess | undefined;
try {
  target = await startTarget(folder);
  for (const load of LOADS) {
    const rate = await drive(load, Math.ceil(2e8 / load.bytes));
    const count = Math.ceil((rate * seconds) / load.bytes);
    const ours: Figures[] = [];
    const files: Figures[] = [];
    const nothing: Figures[] = [];
    for (let i = 0; i < rounds; i++) {
      ours.push(await withTap(load, count));
      files.push(await withDumpcap(load, count, folder, false));
      nothing.push(await withDumpcap(load, count, folder, true));
    }
    const per = (figures: Figures[]) => median(figures.map((f) => f.seconds)).toFixed(2);
    const ratio = (figures: Figures[]) => median(ours.map((f, i) => f.seconds / figures[i].seconds)).toFixed(2);
    const { gigabytes, frames } = ours[0];
    console.log(
      `${load.name.padEnd(14)} ${(median(ours.map((f) => f.rate)) / 1e9).toFixed(2)} GB/s, ${gigabytes.toFixed(2)} GB in ${frames} frames: ` +
        `tap ${per(ours)} s of processor, dumpcap ${per(files)} s (ratio ${ratio(files)}), into nothing ${per(nothing)} s (ratio ${ratio(nothing)}); ` +
        `drops ${ours.map((f) => f.drops).join(' ')} (bytes missing ${ours.map((f) => f.missing).join(' ')}) / ${files.map((f) => f.drops).join(' ')}`,
    );
  }
} finally {
  if (target !== undefined) await stopTarget(target);
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
