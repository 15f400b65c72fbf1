/** `npm run demo`: mirrors a real capture into a second volume with the real command, and compares with the truth. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, readFileSync } from 'node:fs';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryRoot } from './repository.ts';

interface Lun {
  target: string;
  lun: number;
  size: number;
  before: string;
  after_sha256: string;
}

const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const CAPTURE = join(repositoryRoot(), 'fixtures', 'd24-veth-base.pcap');

/** What the volume held when the capture began: sha256 of "SEED:0", "SEED:1" and so on, one after the other. */
async function writeBefore(path: string, { before, size }: Lun): Promise<void> {
  const file = await open(path, 'w');
  try {
    const chunk = Buffer.alloc(1 << 20);
    for (let offset = 0; offset < size; offset += chunk.length) {
      for (let at = 0; at < chunk.length; at += 32) {
        createHash('sha256')
          .update(`${before}:${(offset + at) / 32}`)
          .digest()
          .copy(chunk, at);
      }
      await file.write(chunk, 0, Math.min(chunk.length, size - offset), offset);
    }
  } finally {
    await file.close();
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

async function demo(folder: string): Promise<number> {
  const { luns } = JSON.parse(readFileSync(CAPTURE.replace(/pcap$/, 'json'), 'utf8')) as { luns: Lun[] };
  const lun = luns[0];
  const second = join(folder, 'second.img');
  console.log(`1. ${second}: a second volume of ${lun.size >> 20} MiB that holds what the first one held before`);
  await writeBefore(second, lun);
  const before = await sha256(second);

  const config = join(folder, 'unit.json');
  const lu = `${lun.target}/${lun.lun}`;
  await writeFile(
    config,
    JSON.stringify({ source: { replay: [CAPTURE] }, volumes: [{ lu, mirrors: [`file:${second}`] }] }),
  );
  console.log(`2. tapmirror mirror --config ${config}   (it replays ${relative(process.cwd(), CAPTURE)})\n`);
  const run = spawn(process.execPath, [MAIN, 'mirror', '--config', config], { stdio: 'inherit' });
  const [code] = (await once(run, 'exit')) as [number | null];

  const after = await sha256(second);
  const equal = after === lun.after_sha256;
  console.log('\n3. compared with the volume of the real target');
  console.log(`   sha256 before   ${before}`);
  console.log(`   sha256 mirror   ${after}`);
  console.log(`   sha256 truth    ${lun.after_sha256}`);
  console.log(
    equal && code === 0
      ? '   The mirror equals the first volume, byte for byte.'
      : `   They DIFFER (exit status ${code}).`,
  );
  return equal && code === 0 ? 0 : 1;
}

const folder = await mkdtemp(join(tmpdir(), 'tapmirror-demo-'));
try {
  process.exitCode = await demo(folder);
} finally {
  await rm(folder, { recursive: true });
}
