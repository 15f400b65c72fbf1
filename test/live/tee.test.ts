import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, fdatasync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StatusGate } from '../../src/gate/statusGate.ts';
import { Snoop } from '../../src/snoop/snoop.ts';
import { openTee, type RunningTee, type TeeOptions } from '../../src/unit/bus/tee.ts';
import { Findings, Model, TestRoom } from '../kit/run.ts';
import { sharedFolder } from '../shared.ts';
import { IQN, TargetLab, type Tgt, until, whyNot as whyNoTarget } from './initiatorLab.ts';

const MiB = 2 ** 20;
const SIZE = 24 * MiB;
const BLOCK = 512;
const LU = `${IQN}/1`;
const PORT = 14420;
const CONTROL = 7541;
/** Commands that the host of a target that dies has under way. */
const DEPTH = 16;

const sync = promisify(fdatasync);

function whyNot(): string | undefined {
  const shared = sharedFolder();
  if (shared === undefined || !existsSync(join(shared, 'lab', 'wl.c')))
    return 'the load generator of ../shared/lab is not there';
  for (const [tool, what] of [
    ['gcc', 'gcc'],
    ['iscsi-ls', 'libiscsi-bin'],
  ]) {
    try {
      execFileSync(tool, ['--help'], { stdio: 'ignore' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return `${what} is not installed`;
    }
  }
  return whyNoTarget();
}

/** A tgt with one LU, a tee before it, and what a mirror of the LU would be. */
class Setting {
  readonly lab = new TargetLab();
  readonly found = new Findings();
  readonly model = new Model(BLOCK);
  readonly room = new TestRoom();
  readonly intents = { count: 0, bytes: 0 };
  readonly image: string;
  readonly wl: string;
  readonly snoop: Snoop;
  readonly loads: ChildProcess[] = [];
  tgt!: Tgt;
  tee!: RunningTee;

  constructor() {
    this.image = this.lab.image('first.img', SIZE);
    this.wl = join(this.lab.folder, 'wl');
    execFileSync('gcc', ['-O1', '-w', '-o', this.wl, join(sharedFolder() ?? '', 'lab', 'wl.c'), '-liscsi']);
    this.snoop = new Snoop({
      room: this.room,
      volumes: [{ lu: LU }],
      reorder: { ms: 0, bytes: 0 },
      sink: {
        change: (change) => {
          this.found.changes.push(change);
          this.model.apply(change);
          if (change.lease !== undefined) this.room.give(change.lease);
        },
        intent: (_lu, _offset, length) => {
          this.intents.count++;
          this.intents.bytes += length;
        },
        notice: (text) => this.found.notices.push(text),
      },
    });
  }

  async open(address: string, options: Partial<TeeOptions> = {}): Promise<void> {
    this.tgt = await this.lab.tgt({
      portals: [`${address}:${PORT}`],
      control: CONTROL,
      parameters: ['HeaderDigest=CRC32C,None'],
      luns: [{ lun: 1, image: this.image, blockSize: BLOCK, params: ['thin_provisioning=1'] }],
    });
    this.tee = await openTee({
      listen: `${address}:0`,
      target: `${address}:${PORT}`,
      snoop: this.snoop,
      notice: (text) => this.found.notices.push(text),
      ...options,
    });
  }

  /** A deterministic load; resolves with its exit status. */
  async load(host: string, ...words: (string | number)[]): Promise<number | null> {
    const all = ['-u', `iscsi://${this.tee.listening}/${IQN}/1`, '-i', `iqn.2024-01.lab.example:${host}`, ...words];
    const child = spawn(this.wl, all.map(String), { stdio: 'ignore' });
    this.loads.push(child);
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }

  /** libiscsi logs in again for ever. */
  endLoads(): void {
    for (const load of this.loads) load.kill('SIGKILL');
  }

  /** Every block that is not called unresolved is what the target has on its disk. */
  assertHonest(): void {
    const first = readFileSync(this.image);
    const mirror = this.model.read(0, SIZE / BLOCK);
    this.model.unresolved.gaps(0, SIZE / BLOCK, (from, to) => {
      const [a, b] = [from * BLOCK, to * BLOCK];
      assert.equal(Buffer.compare(first.subarray(a, b), mirror.subarray(a, b)), 0, `blocks ${from} to ${to} differ`);
    });
  }

  assertEqual(): void {
    assert.deepEqual(this.model.unresolved.toRanges(), [], this.found.doubts.join());
    assert.ok(this.found.changes.length > 0);
    this.assertHonest();
  }

  async close(): Promise<void> {
    this.endLoads();
    await this.tee?.stop();
    await this.lab.close();
  }
}

const WRITES = ['-o', 'w10,w12,w16,wv10,ws10,caw,r10,sync'];

describe('A3 the tee before a real target', function () {
  this.timeout(180_000);
  let setting: Setting;
  before(function () {
    const why = whyNot();
    if (why === undefined) return;
    if (process.env.TAPMIRROR_LIVE === 'required') assert.fail(why);
    console.log(`      skipped: ${why}`);
    this.skip();
  });
  beforeEach(() => {
    setting = new Setting();
  });
  afterEach(() => setting.close());

  it('two hosts with header digests: the mirror is the volume', async () => {
    await setting.open('127.0.0.1');
    const loads = [
      setting.load('a', '-s', 1, '-n', 1500, '-q', 16, '-l', 1, '-L', 64, '-R', 0, '-S', 20000, '-H', 3, ...WRITES),
      setting.load('b', '-s', 2, '-n', 300, '-q', 4, '-l', 64, '-L', 512, '-R', 20000, '-S', 20000, '-H', 3, ...WRITES),
    ];
    assert.deepEqual(await Promise.all(loads), [0, 0]);
    setting.assertEqual();
    assert.ok(setting.intents.count >= setting.found.changes.length);
    assert.deepEqual(setting.found.notices, []);
  });

  it('solicited data only, and blocks unmapped', async () => {
    await setting.open('127.0.0.1');
    const words = ['-s', 3, '-n', 800, '-q', 8, '-l', 1, '-L', 300, '-I', 0, '-T', 1, '-o', 'w10,w16,ws16u,unmap,r16'];
    assert.equal(await setting.load('a', ...words), 0);
    setting.assertHonest();
    const doubts = new Set(setting.found.doubts);
    doubts.delete('effect');
    assert.deepEqual([...doubts], []);
  });

  it('over IPv6, every status held until the record is synced', async () => {
    const file = openSync(setting.lab.image('record', 4096), 'r+');
    const gate = new StatusGate(() => sync(file));
    await setting.open('[::1]', { gate });
    const loads = [1, 2].map((n) =>
      setting.load(`h${n}`, '-s', n, '-n', 400, '-q', 8, '-l', 1, '-L', 128, '-R', n * 20000, '-S', 20000, ...WRITES),
    );
    assert.deepEqual(await Promise.all(loads), [0, 0]);
    closeSync(file);
    setting.assertEqual();
    assert.ok(gate.held >= setting.found.changes.length);
    assert.equal(gate.holding, 0);
  });

  it('hosts that discover find the tee', async () => {
    await setting.open('127.0.0.1', { rewriteDiscovery: true });
    const child = spawn('iscsi-ls', ['-s', `iscsi://${setting.tee.listening}`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await once(child, 'close');
    assert.match(said, new RegExp(`Target:${IQN} Portal:${setting.tee.listening},1`));
    assert.equal(said.includes(`:${PORT}`), false);
    // It logged in at that portal to ask for the LUs, so that came through the tee, too.
    assert.ok(setting.tee.accepted >= 2);
  });

  it('a target that dies under load leaves nothing wrong that is not in doubt', async () => {
    await setting.open('127.0.0.1');
    const load = setting.load('a', '-s', 5, '-n', 100000, '-q', DEPTH, '-l', 1, '-L', 64, '-o', 'w10,w16');
    while (setting.found.changes.length < 500) await new Promise(setImmediate);
    // All of them have to wait for it when it dies: a host that just stood still has nothing under way.
    process.kill(setting.tgt.pid, 'SIGSTOP');
    const open = (): number => setting.snoop.outstanding(LU)?.tasks ?? 0;
    await until('every command waits', () => open() === DEPTH);
    await setting.tgt.stop('SIGKILL');
    while (!setting.found.doubts.includes('aborted')) await new Promise(setImmediate);
    setting.endLoads();
    await load;
    setting.assertHonest();
    assert.ok(open() > 0);
  });

  it('stops under load: what was under way is finished, or in doubt', async () => {
    await setting.open('127.0.0.1');
    const load = setting.load('a', '-s', 6, '-n', 100000, '-q', 16, '-l', 1, '-L', 64, '-o', 'w10,w16');
    while (setting.found.changes.length < 500) await new Promise(setImmediate);
    await setting.tee.stop();
    setting.endLoads();
    await load;
    await setting.tgt.stop('SIGKILL');
    setting.assertHonest();
    assert.deepEqual(setting.tee.connections(), []);
  });
});
