/**
 * The initiator against QEMU's (libiscsi), both at one tgtd with a file in memory, in turn:
 * `node dist/test/bench/initiator.js [ROUNDS]`. Prints the medians and the median of the paired ratios. Needs root, tgt and
 * qemu-utils with qemu-block-extra.
 */
import { execFileSync } from 'node:child_process';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import type { LuVolume } from '../../src/unit/lu/luVolume.ts';
import { IQN, TargetLab, whyNot } from '../live/initiatorLab.ts';
import { median } from './figures.ts';

const SIZE = 1 << 30;
const PORT = 14150;
const IMAGE = '/dev/shm/initiator-bench.img';

interface Pattern {
  name: string;
  write: boolean;
  count: number;
  depth: number;
  bytes: number;
  step: number;
}

const PATTERNS: Pattern[] = [true, false].flatMap((write) => {
  const kind = write ? 'write' : 'read';
  return [
    { name: `${kind} 4K d1`, write, count: 4000, depth: 1, bytes: 4096, step: 4198400 },
    { name: `${kind} 4K d32`, write, count: 25000, depth: 32, bytes: 4096, step: 4198400 },
    { name: `${kind} 64K d8`, write, count: 3000, depth: 8, bytes: 65536, step: 65536 },
    { name: `${kind} 256K d4`, write, count: 1200, depth: 4, bytes: 262144, step: 262144 },
  ];
});

/** Operations a second of `qemu-img bench`. */
function qemu({ write, count, depth, bytes, step }: Pattern): number {
  const words = ['bench', '-f', 'raw', '-t', 'none', ...(write ? ['-w'] : [])];
  const load = ['-c', count, '-d', depth, '-s', bytes, '-S', step].map(String);
  const out = execFileSync('qemu-img', [...words, ...load, `iscsi://127.0.0.1:${PORT}/${IQN}/1`], { encoding: 'utf8' });
  return count / Number(/in ([0-9.]+) sec/.exec(out)?.[1]);
}

/** Operations a second of the same load on a volume of ours, and this process's microseconds of processor for each. */
async function ours(
  volume: LuVolume,
  { write, count, depth, bytes, step }: Pattern,
): Promise<{ rate: number; cpu: number }> {
  const buffers = Array.from({ length: depth }, () => new Uint8Array(bytes));
  let next = 0;
  const lane = async (buffer: Uint8Array): Promise<void> => {
    while (next < count) {
      const offset = (next++ * step) % (SIZE - bytes);
      const at = offset - (offset % 512);
      if (write) await volume.writev([{ offset: at, length: bytes, payload: [buffer] }], { fua: false });
      else await volume.read(at, buffer);
    }
  };
  const started = performance.now();
  const before = process.cpuUsage();
  await Promise.all(buffers.map(lane));
  const { user, system } = process.cpuUsage(before);
  return { rate: (count * 1000) / (performance.now() - started), cpu: (user + system) / count };
}

async function main(): Promise<void> {
  const reason = whyNot();
  if (reason !== undefined) throw new Error(reason);
  const rounds = Number(process.argv[2] ?? 5);
  const only = process.argv[3];
  const lab = new TargetLab();
  try {
    writeFileSync(IMAGE, '');
    truncateSync(IMAGE, SIZE);
    const luns = [{ lun: 1, image: IMAGE, blockSize: 512, params: [] }];
    await lab.tgt({ portals: [`127.0.0.1:${PORT}`], control: 7515, luns });
    const volume = await lab.open({ port: PORT });
    for (const pattern of PATTERNS.filter(({ name }) => only === undefined || name.includes(only))) {
      const theirs: number[] = [];
      const mine: number[] = [];
      const cpu: number[] = [];
      await ours(volume, pattern);
      for (let round = 0; round < rounds; round++) {
        theirs.push(qemu(pattern));
        const run = await ours(volume, pattern);
        mine.push(run.rate);
        cpu.push(run.cpu);
      }
      const ratio = median(mine.map((value, i) => value / theirs[i]));
      const figures = `qemu ${median(theirs).toFixed(0).padStart(6)}/s  ours ${median(mine).toFixed(0).padStart(6)}/s`;
      console.log(`${pattern.name.padEnd(14)} ${figures}  ratio ${ratio.toFixed(2)}  ${median(cpu).toFixed(0)} us`);
    }
  } finally {
    await lab.close();
    rmSync(IMAGE, { force: true });
  }
}

await main();
