import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, closeSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { MAIN } from '../../kit/program.ts';
import { captureFolder } from '../../repository.ts';

const BASE = join(captureFolder(), 'd24-veth-base.pcap');
const LU = 'iqn.2024-01.lab.example:1/1';
const LU_BYTES = 16 << 20;

let folder: string;

interface Ran {
  code: number | null;
  out: string;
  err: string;
}

function tapmirror(words: readonly string[], input: Uint8Array | string = ''): Ran {
  const run = spawnSync(process.execPath, [MAIN, ...words], { input, encoding: 'buffer', maxBuffer: 1 << 26 });
  return { code: run.status, out: run.stdout.toString(), err: run.stderr.toString() };
}

/** A file of `bytes` in the test's folder. */
function file(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** A mirror of the volume's size, all zeros and sparse. */
function image(name: string, bytes = LU_BYTES): string {
  const path = file(name, '');
  truncateSync(path, bytes);
  return path;
}

interface Wanted {
  lu?: string;
  mirror: string;
}

function config(name: string, replay: string, ...volumes: readonly Wanted[]): string {
  const list = volumes.map(({ lu = LU, mirror }) => ({ lu, mirrors: [`file:${mirror}`] }));
  return file(name, JSON.stringify({ source: { replay: [replay] }, volumes: list }));
}

function mirrored(name: string, replay: string, input?: Uint8Array): Ran {
  return tapmirror(['mirror', '--json', '-c', config(`${name}.json`, replay, { mirror: image(`${name}.img`) })], input);
}

/** One line on standard error that names what it is about; nothing on standard output. */
function refused({ code, out, err }: Ran, wanted: RegExp, status = 1): void {
  assert.match(err, wanted);
  assert.match(err, /^tapmirror: [^\n]*\n$/);
  assert.equal(out, '');
  assert.equal(code, status);
}

/** Resolves with the exit status and everything the process said. */
function ended(child: ChildProcess): Promise<Ran> {
  const ran: Ran = { code: null, out: '', err: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    ran.out += chunk;
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    ran.err += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...ran, code }));
  });
}

function canMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  return spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt']).status === 0;
}

describe('H5 bad input at the command line', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-bad-'));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  describe('captures', () => {
    it('a missing file is named', () => {
      const path = join(folder, 'none.pcap');
      for (const command of ['decode', 'stat']) refused(tapmirror([command, path]), /none\.pcap: no such file; /);
      refused(mirrored('none', path), /none\.pcap: no such file; /);
    });

    it('a directory is named', () => {
      refused(tapmirror(['stat', folder]), /is a directory; /);
    });

    it('an empty file is named', () => {
      refused(tapmirror(['decode', file('empty.pcap', '')]), /empty\.pcap: is empty; /);
    });

    it('a file without a readable header is named', () => {
      refused(
        tapmirror(['stat', file('noise.pcap', 'nothing of the kind')]),
        /noise\.pcap: no readable capture header/,
      );
      refused(mirrored('noise', file('short.pcap', readFileSync(BASE).subarray(0, 20))), /short\.pcap: no readable/);
    });

    it('a file that ends inside a record is used up to there', () => {
      const path = file('cut.pcap', readFileSync(BASE).subarray(0, 200_000));
      const decoded = tapmirror(['decode', '--tsv', path]);
      assert.equal(decoded.code, 0, decoded.err);
      assert.match(decoded.err, /cut\.pcap.*inside a record/);
      assert.ok(decoded.out.split('\n').length > 10);
      const told = tapmirror(['stat', '--json', path]);
      assert.equal(told.code, 0, told.err);
      assert.match(told.out + told.err, /cut\.pcap.*inside a record/s);
      const { code, out } = mirrored('cut', path);
      const report = JSON.parse(out) as { source: { faults: { file: string; reason: string }[] } };
      assert.deepEqual(
        report.source.faults.map((fault) => [fault.file, fault.reason]),
        [[path, 'the file ends inside a record']],
      );
      assert.equal(code, 3);
    });

    it('a gzip file that ends early is used up to there', () => {
      const packed = gzipSync(readFileSync(BASE));
      const path = file('cut.pcap.gz', packed.subarray(0, packed.length >> 1));
      const { code, out, err } = tapmirror(['decode', '--tsv', path]);
      assert.equal(code, 0, err);
      assert.match(err, /cut\.pcap\.gz.*gzip data ends too early/);
      assert.ok(out.split('\n').length > 10);
    });

    it('standard input, plain and packed, gives what the file gives', () => {
      const bytes = readFileSync(BASE);
      const wanted = tapmirror(['decode', '--tsv', BASE]);
      assert.equal(wanted.code, 0, wanted.err);
      for (const input of [bytes, gzipSync(bytes)]) {
        const ran = tapmirror(['decode', '--tsv', '-'], input);
        assert.equal(ran.code, 0, ran.err);
        assert.equal(ran.out, wanted.out);
      }
      assert.equal(mirrored('piped', '-', gzipSync(bytes)).code, 0);
    });

    it('empty standard input is told', () => {
      refused(tapmirror(['stat', '-'], ''), /standard input: is empty; /);
    });
  });

  describe('configurations', () => {
    it('every mistake has its place and its mend', () => {
      const path = file('bad.yaml', 'source: {replay: []}\nvolumes:\n  - lu: nonsense\n    mirors: [x]\n');
      const { code, out, err } = tapmirror(['mirror', '-c', path]);
      assert.equal(code, 2);
      assert.equal(out, '');
      const lines = err.trimEnd().split('\n');
      assert.ok(lines.length >= 3, err);
      for (const line of lines) assert.match(line, /bad\.yaml:\d+:\d+: .+; .+/);
    });

    it('text that is no JSON is told with its place', () => {
      const { code, err } = tapmirror(['mirror', '-c', file('torn.json', '{"source": {"replay": [')]);
      assert.match(err, /^[^\n]*torn\.json:1:\d+: [^\n]+\n$/);
      assert.equal(code, 2);
    });

    it('a volume that was never seen while another was written is told with both names', () => {
      const other = 'iqn.2024-01.lab.example:9/1';
      const volumes = [{ mirror: image('seen.img') }, { lu: other, mirror: image('unseen.img') }];
      const ran = tapmirror(['mirror', '--json', '-c', config('unseen.json', BASE, ...volumes)]);
      refused(ran, /example:9\/1: configured, but never seen, while iqn\.2024-01\.lab\.example:1\/1 was written; /);
    });
  });

  describe('mirrors', () => {
    it('a missing mirror is named', () => {
      const ran = tapmirror(['mirror', '-c', config('lost.json', BASE, { mirror: join(folder, 'lost.img') })]);
      refused(ran, /lost\.img/);
    });

    it('a mirror that must not be written is named', () => {
      // Root may write whatever the mode says: a folder is what nobody can write as a file.
      const root = process.getuid?.() === 0;
      const path = root ? folder : image('readonly.img');
      if (!root) chmodSync(path, 0o444);
      refused(tapmirror(['mirror', '-c', config('readonly.json', BASE, { mirror: path })]), new RegExp(path));
    });

    it('a mirror smaller than its volume is told with both lengths', () => {
      const path = image('small.img', 4096);
      const { code, out } = tapmirror(['mirror', '--json', '-c', config('small.json', BASE, { mirror: path })]);
      assert.equal(code, 1);
      const report = JSON.parse(out) as {
        volumes: { unresolved: number[][]; mirrors: { error: { message: string; mend: string } }[] }[];
      };
      const [{ unresolved, mirrors }] = report.volumes;
      assert.match(mirrors[0].error.message, /small\.img is too small: it holds 4096 bytes, the volume 16777216/);
      assert.match(mirrors[0].error.mend, /truncate -s 16777216 /);
      assert.deepEqual(unresolved, [[8, 32760]]);
    });

    it('a full disk breaks the mirror, and what was not written is unresolved', function () {
      if (!canMount()) {
        // A tiny file system of its own takes root and mount.
        this.skip();
      }
      const unit = config('full.json', BASE, { mirror: '/mnt/full.img' });
      const script = 'mount -t tmpfs -o size=64k none /mnt && truncate -s 16M /mnt/full.img && exec "$@"';
      const words = ['-m', 'sh', '-c', script, 'sh', process.execPath, MAIN, 'mirror', '--json', '-c', unit];
      const run = spawnSync('unshare', words, { encoding: 'utf8' });
      assert.equal(run.status, 1, run.stderr);
      const [volume] = (
        JSON.parse(run.stdout) as { volumes: { unresolvedBlocks: number; mirrors: { error: { message: string } }[] }[] }
      ).volumes;
      assert.ok(volume.unresolvedBlocks > 0);
      assert.match(volume.mirrors[0].error.message, /full|space/i);
    });
  });

  describe('a reader or an operator that goes away', () => {
    it('ends in silence when standard output is closed early', async () => {
      const child = spawn(process.execPath, [MAIN, 'decode', '--tsv', BASE], { stdio: ['ignore', 'pipe', 'pipe'] });
      child.stdout.once('data', () => child.stdout.destroy());
      const { err } = await ended(child);
      assert.equal(err, '');
      assert.ok(child.exitCode === 0 || child.exitCode === 1, `exit ${child.exitCode}`);
      const piped = spawnSync('sh', ['-c', '"$0" "$1" decode --tsv "$2" | head -1', process.execPath, MAIN, BASE]);
      assert.equal(piped.stderr.toString(), '');
      assert.equal(piped.stdout.toString().split('\n').length, 2);
    });

    it('gives the report so far on SIGINT while it waits at a FIFO', async () => {
      const fifo = join(folder, 'bus.fifo');
      assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
      const unit = config('fifo.json', fifo, { mirror: image('fifo.img') });
      const child = spawn(process.execPath, [MAIN, 'mirror', '--json', '--log', 'info', '-c', unit]);
      // What the log says of the start proves that signals are listened to.
      await new Promise<void>((resolve) => child.stderr.once('data', () => resolve()));
      // Opened for both, so that this does not wait for the reader and the reader sees no end.
      const fd = openSync(fifo, 'r+');
      writeSync(fd, readFileSync(BASE), 0, 60_000);
      const done = ended(child);
      child.kill('SIGINT');
      const { code, out, err } = await done;
      closeSync(fd);
      assert.equal(code, 3, err);
      const report = JSON.parse(out) as { interrupted: boolean; volumes: unknown[] };
      assert.equal(report.interrupted, true);
      assert.equal(report.volumes.length, 1);
    });
  });
});
