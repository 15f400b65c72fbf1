import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { lu } from './kit/bench.ts';
import { assertSame, dice, MiB, used } from './kit/files.ts';
import { Load } from './kit/load.ts';
import { make, type Operation } from './kit/operations.ts';
import { need, type Part } from './kit/parts.ts';
import { outcome, Processes, run } from './kit/processes.ts';
import { Serving } from './kit/serving.ts';
import { until, when } from './kit/until.ts';
import { Verified } from './kit/verified.ts';

const IQN = 'iqn.2024-01.lab.example:served';
const KILLS = Number(process.env.TAPMIRROR_KILLS ?? 4);
const SEED = Number(process.env.TAPMIRROR_SEED ?? 1);
const SIZE = 16 * MiB;
const ALL: readonly Operation[] = [
  ...(['w10', 'w12', 'w16', 'fua', 'wv10', 'wv16', 'same10', 'same16', 'same16u', 'unmap', 'or', 'sync'] as const),
  ...(['r10', 'r10', 'r10', 'r10', 'w10', 'w10'] as const),
];

/** One test's image, processes and hosts. */
class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'tapmirror-serve-'));
  readonly processes = new Processes();
  readonly hosts: Verified[] = [];
  /** Where the one that was started last listens. */
  portal = '';

  get url(): string {
    return lu(this.portal, IQN);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  image(name = 'disk.img', bytes = SIZE): string {
    const path = this.path(name);
    writeFileSync(path, '');
    truncateSync(path, bytes);
    used(path, 2 * MiB, 3 * MiB, 7);
    return path;
  }

  async serve(image: string, ...options: string[]): Promise<Serving> {
    const words = ['serve', image, '--listen', '127.0.0.1:0', '--name', IQN, ...options];
    const serving = new Serving(this.processes, words, { SERVE_SECRET: 'sixteen-byte-secret' });
    this.portal = /iscsi:\/\/([^/]+)\//.exec(await serving.ready())?.[1] ?? '';
    return serving;
  }

  host(image: string, order: Partial<ConstructorParameters<typeof Verified>[0]> = {}): Promise<Verified> {
    const n = this.hosts.length + 1;
    const rest = {
      url: this.url,
      initiator: `iqn.2024-01.lab.example:host-${n}`,
      seed: SEED * 100 + n,
      operations: ALL,
      depth: 8,
    };
    const host = new Verified({ ...rest, ...order });
    this.hosts.push(host);
    return host.begin(image);
  }

  async close(): Promise<void> {
    await this.processes.close();
    for (const host of this.hosts) await host.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function describeServe(title: string, parts: readonly Part[], body: (bench: () => Bench) => void): void {
  describe(title, function () {
    this.timeout(120_000);
    let bench: Bench;
    before(function () {
      return need(this, parts);
    });
    beforeEach(() => {
      bench = new Bench();
    });
    afterEach(() => bench.close());
    body(() => bench);
  });
}

describeServe('A5 tapmirror serve', ['libiscsi', 'qemu'], (bench) => {
  it('is found, says who it is and how long, and is the same after a restart', async () => {
    const b = bench();
    const image = b.image();
    let serving = await b.serve(image, '--thin');
    const found = await run(undefined, ['iscsi-ls', '-s', `iscsi://${b.portal}`]);
    assert.match(found, new RegExp(`Target:${IQN} Portal:${b.portal},1`));
    assert.match(found, /Lun:1 +Type:DIRECT_ACCESS \(Size:1[56]M/);
    assert.match(await run(undefined, ['iscsi-readcapacity16', b.url]), /Total size:16777216/);
    const serial = () => run(undefined, ['iscsi-inq', '-e', '1', '-c', '128', b.url]);
    const names = () => run(undefined, ['iscsi-inq', '-e', '1', '-c', '131', b.url]);
    const before = [await serial(), await names()];
    await serving.stop();
    serving = await b.serve(image);
    assert.deepEqual([await serial(), await names()], before);
    await serving.stop();
  });

  it('takes and gives images whole (QEMU)', async () => {
    const b = bench();
    const [image, source, back] = [b.image('disk.img', 64 * MiB), b.image('source.img', 64 * MiB), b.path('back.img')];
    const serving = await b.serve(image, '--thin', '--cache');
    await run(undefined, ['qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', source, b.url]);
    await run(undefined, ['qemu-img', 'convert', '-f', 'raw', '-O', 'raw', b.url, back]);
    const commands = [
      'write -P 5 3M 700k',
      'read -P 5 3M 700k',
      'write -z 4M 1M',
      'read -P 0 4M 1M',
      'discard 8M 4M',
      'flush',
    ];
    const said = await run(undefined, ['qemu-io', '-f', 'raw', ...commands.flatMap((one) => ['-c', one]), b.url]);
    assert.doesNotMatch(said, /failed|error/i);
    await run(undefined, ['qemu-io', '-f', 'raw', '-c', 'read -P 5 3M 700k', b.url]);
    await serving.stop();
    assertSame(source, [back]);
  });

  for (const [blockSize, cache] of [
    [512, true],
    [4096, false],
  ] as const) {
    it(`does what two hosts at once ask, to a depth of 64, in blocks of ${blockSize}, ${cache ? 'with' : 'without'} a cache`, async () => {
      const b = bench();
      const image = b.image();
      const serving = await b.serve(image, '--thin', '--block-size', String(blockSize), ...(cache ? ['--cache'] : []));
      const half = SIZE / blockSize / 2;
      const blocks = blockSize === 512 ? ([1, 128] as const) : ([1, 24] as const);
      const one = await b.host(image, { span: half, depth: 64, blocks, digests: true });
      const two = await b.host(image, { from: half, span: half, depth: 16, blocks });
      await Promise.all([one.run(3000), two.run(2000)]);
      await Promise.all([one.readAll(), two.readAll()]);
      for (const host of [one, two]) {
        await host.close();
        host.check(image);
      }
      await serving.stop();
    });
  }

  it('gives room back where hosts unmap, and says what takes room', async () => {
    const b = bench();
    const image = b.image();
    const serving = await b.serve(image, '--thin');
    await run(undefined, ['qemu-io', '-f', 'raw', '-c', 'write -P 1 0 8M', '-c', 'flush', b.url]);
    const room = (): number => statSync(image).blocks * 512;
    assert.ok(room() >= 8 * MiB);
    await run(undefined, ['qemu-io', '-f', 'raw', '-c', 'discard 1M 6M', '-c', 'flush', b.url]);
    assert.ok(room() <= 2 * MiB + 65_536, `${room()} bytes are taken`);
    const map = JSON.parse(await run(undefined, ['qemu-img', 'map', '-f', 'raw', '--output=json', b.url])) as {
      start: number;
      length: number;
      data: boolean;
    }[];
    const data = map.filter((one) => one.data).map(({ start, length }) => [start, start + length]);
    assert.deepEqual(data, [
      [0, MiB],
      [7 * MiB, 8 * MiB],
    ]);
    await serving.stop();
  });

  it('lets nobody in who does not prove to be who he has to be', async () => {
    const b = bench();
    const image = b.image();
    const serving = await b.serve(image, '--user', 'joe', '--secret-env', 'SERVE_SECRET');
    const asked = (who: string) => outcome(undefined, ['iscsi-inq', `iscsi://${who}${b.portal}/${IQN}/1`]);
    assert.notEqual((await asked('')).code, 0);
    assert.notEqual((await asked('joe%another-byte-secret@')).code, 0);
    assert.equal((await asked('joe%sixteen-byte-secret@')).code, 0);
    assert.doesNotMatch(serving.said, /byte-secret/);
    await serving.stop();
    const only = await b.serve(image, '--allow-initiator', 'iqn.2024-01.lab.example:host-*');
    assert.notEqual((await asked('')).code, 0);
    const allowed = ['iscsi-inq', '-i', 'iqn.2024-01.lab.example:host-9', b.url];
    assert.equal((await outcome(undefined, allowed)).code, 0);
    const listed = await outcome(undefined, ['iscsi-ls', `iscsi://${b.portal}`]);
    assert.doesNotMatch(listed.out, new RegExp(IQN));
    await only.stop();
  });

  it('serves others while hosts that asked for much take nothing, within its memory, and lets those go (H5)', async () => {
    const b = bench();
    const image = b.image('disk.img', 256 * MiB);
    const serving = await b.serve(image);
    const greedy = await Promise.all(
      [1, 2, 3, 4].map((n) => {
        const initiator = `iqn.2024-01.lab.example:greedy-${n}`;
        const order = {
          url: b.url,
          initiator,
          seed: n,
          operations: ['r10'] as const,
          depth: 64,
          blocks: [2048, 2048] as const,
        };
        return new Load(b.processes, undefined, order).ready();
      }),
    );
    await Promise.all(greedy.map((one) => one.further(10)));
    for (const one of greedy) one.signal('SIGSTOP');
    const host = await b.host(image, { depth: 16, operations: ['w10', 'r10'], span: 8192 });
    await host.run(2000);
    const memory = (): number =>
      Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${serving.pid}/status`, 'latin1'))?.[1]) * 1024;
    assert.ok(memory() < 500 * MiB, `${memory()} bytes`);
    const gone = (): true | undefined => when((serving.said.match(/greedy-\d/g) ?? []).length >= 4);
    await until('the hosts that take nothing are let go', gone, {
      ms: 60_000,
      instead: () => serving.said.slice(-500),
    });
    await host.run(200);
    await host.close();
    host.check(image);
    await serving.stop();
  });

  it('ends in order although hosts are logged in, and keeps others from the image meanwhile', async () => {
    const b = bench();
    const image = b.image();
    const serving = await b.serve(image, '--cache', '--thin');
    const host = await b.host(image, { patienceMs: 0 });
    await host.run(200);
    const second = new Serving(b.processes, ['serve', image, '--listen', '127.0.0.1:0', '--name', IQN]);
    const { code, err } = await second.ended;
    assert.equal(code, 1);
    assert.match(err, /disk\.img/);
    const since = performance.now();
    await serving.stop();
    assert.ok(performance.now() - since < 10_000);
    host.check(image);
  });
});

describeServe('A5 tapmirror serve, killed', ['libiscsi'], (bench) => {
  for (const cache of [false, true]) {
    it(`has everything that it acknowledged ${cache ? 'with' : 'without'} a cache`, async () => {
      const b = bench();
      const image = b.image();
      const roll = dice(SEED);
      for (let n = 0; n < KILLS; n++) {
        const serving = await b.serve(image, '--thin', ...(cache ? ['--cache'] : []));
        const host = await b.host(image, { seed: SEED * 1000 + n, depth: 1 + roll(32), patienceMs: 0 });
        const running = host.runToTheEnd();
        await host.reaches(1 + roll(300));
        await pause(roll(20));
        await serving.kill();
        await running;
        host.check(image);
      }
    });
  }

  it('keeps reservations that were to survive a power loss, and no others (SPC-5 5.14.5)', async () => {
    const b = bench();
    const image = b.image();
    for (const aptpl of [true, false]) {
      let serving = await b.serve(image);
      const holder = await b.host(image, { patienceMs: 0 });
      const key = 0x1234_5678n;
      await holder.host.do(...registration(0n, key, aptpl));
      await holder.host.do(prOut(RESERVE, WRITE_EXCLUSIVE), { out: keys(key, 0n, false) });
      assert.deepEqual(await reservation(holder), { key, type: WRITE_EXCLUSIVE });
      await serving.kill();
      serving = await b.serve(image);
      const again = await b.host(image, { initiator: 'iqn.2024-01.lab.example:host-1', patienceMs: 0 });
      const other = await b.host(image, { patienceMs: 0 });
      assert.deepEqual(await reservation(other), aptpl ? { key, type: WRITE_EXCLUSIVE } : undefined);
      const write = make('w10', 0, 1, 512, dice(1));
      if (aptpl) await assert.rejects(other.host.do(write.cdb, write), /RESERVATION CONFLICT|reserv/i);
      else await other.host.do(write.cdb, write);
      if (aptpl) await again.host.do(...registration(key, 0n, true));
      for (const host of [holder, again, other]) await host.close();
      await serving.stop();
    }
  });
});

const RESERVE = 1;
const WRITE_EXCLUSIVE = 1;

/** PERSISTENT RESERVE OUT with its parameter list of 24 bytes (SPC-5 6.16). */
function prOut(action: number, type: number): Uint8Array {
  const cdb = new Uint8Array(16);
  cdb.set([0x5f, action, type, 0, 0, 0, 0, 0, 24]);
  return cdb;
}

function keys(own: bigint, next: bigint, aptpl: boolean): Uint8Array {
  const list = new Uint8Array(24);
  const view = new DataView(list.buffer);
  view.setBigUint64(0, own);
  view.setBigUint64(8, next);
  list[20] = aptpl ? 1 : 0;
  return list;
}

function registration(own: bigint, next: bigint, aptpl: boolean): [Uint8Array, { out: Uint8Array }] {
  return [prOut(0, 0), { out: keys(own, next, aptpl) }];
}

/** PERSISTENT RESERVE IN, READ RESERVATION (SPC-5 6.15.3). */
async function reservation({ host }: Verified): Promise<{ key: bigint; type: number } | undefined> {
  const cdb = new Uint8Array(16);
  cdb.set([0x5e, 1, 0, 0, 0, 0, 0, 0, 24]);
  const told = await host.do(cdb, { inBytes: 24 });
  assert.ok(told !== undefined);
  const view = new DataView(told.buffer, told.byteOffset, told.length);
  return view.getUint32(4) === 0 ? undefined : { key: view.getBigUint64(8), type: told[21] & 0x0f };
}
