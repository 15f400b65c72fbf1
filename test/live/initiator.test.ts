import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, truncateSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Fault } from '../../src/base/fault.ts';
import type { LuVolume } from '../../src/unit/lu/luVolume.ts';
import { random } from '../sim/random.ts';
import { IQN, TargetLab, type Tgt, until, whyNot } from './initiatorLab.ts';
import { noise, workOut } from './kit/workOut.ts';

const MiB = 2 ** 20;
const SIZE = 32 * MiB;
const THIN = ['thin_provisioning=1'];

function fault(message: RegExp, mend?: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof Fault, `a Fault, not ${error}`);
    assert.match(error.message, message);
    if (mend) assert.match(error.mend ?? '', mend);
    return true;
  };
}

describe('B5 an LU of a real iSCSI target', function () {
  this.timeout(180_000);
  let lab: TargetLab;

  before(function () {
    const reason = whyNot();
    if (reason === undefined) return;
    if (process.env.TAPMIRROR_LIVE === 'required') assert.fail(`the live tests cannot run: ${reason}`);
    console.log(`    skipped: ${reason}`);
    this.skip();
  });
  beforeEach(() => {
    lab = new TargetLab();
  });
  afterEach(() => lab.close());

  async function oneTgt(more: { chap?: string[]; params?: string[]; blockSize?: number } = {}): Promise<Tgt> {
    const { chap, params = THIN, blockSize = 512 } = more;
    const image = lab.image('a.img', SIZE);
    return lab.tgt({
      portals: ['127.0.0.1:14110'],
      control: 7510,
      luns: [{ lun: 1, image, blockSize, params }],
      ...(chap ? { chap } : {}),
    });
  }

  describe('tgt', () => {
    for (const blockSize of [512, 4096]) {
      it(`holds what is written, blocks of ${blockSize} bytes`, async () => {
        const image = lab.image('a.img', SIZE);
        const luns = [{ lun: 1, image, blockSize, params: THIN }];
        await lab.tgt({ portals: ['127.0.0.1:14110'], control: 7510, luns });
        const volume = await lab.open({ port: 14110 });
        assert.equal(volume.blockSize, blockSize);
        assert.equal(volume.blocks, SIZE / blockSize);
        await workOut(volume, image, 11 + blockSize, 40);
      });
    }

    it('holds what is written with digests, without immediate data, with short bursts', async () => {
      const image = lab.image('a.img', SIZE);
      const luns = [{ lun: 1, image, blockSize: 512, params: [] }];
      const shapes = [
        ['HeaderDigest=CRC32C', 'DataDigest=CRC32C'],
        ['ImmediateData=No', 'InitialR2T=Yes', 'MaxBurstLength=65536'],
        ['ImmediateData=Yes', 'InitialR2T=No', 'FirstBurstLength=16384', 'MaxRecvDataSegmentLength=4096'],
        ['ImmediateData=No', 'InitialR2T=No', 'MaxOutstandingR2T=4', 'DataDigest=CRC32C'],
      ];
      for (const [n, parameters] of shapes.entries()) {
        const tgt = await lab.tgt({ portals: ['127.0.0.1:14110'], control: 7510, parameters, luns });
        const volume = await lab.open({ port: 14110 }, { digests: { header: true, data: true } });
        await workOut(volume, image, 100 + n, 12);
        await volume.close();
        await tgt.stop();
      }
    });

    it('is reached over IPv6', async () => {
      const image = lab.image('a.img', SIZE);
      const luns = [{ lun: 1, image, blockSize: 512, params: [] }];
      await lab.tgt({ portals: ['[::1]:14111'], control: 7511, luns });
      const volume = await lab.open({ host: '::1', port: 14111 });
      assert.match(volume.local, /^\[::1\]:\d+$/);
      assert.match(volume.text, /^iscsi:\/\/\[::1\]:14111\//);
      await workOut(volume, image, 5, 5);
    });

    it('is one medium through two portals and another at another target (B6b)', async () => {
      const luns = (name: string) => [{ lun: 1, image: lab.image(name, SIZE), blockSize: 512, params: THIN }];
      await lab.tgt({ portals: ['127.0.0.1:14110', '127.0.0.1:14112'], control: 7510, luns: luns('a.img') });
      // As live.py has it: the same target number and LUN, so tgt gives it the same designators and serial number.
      await lab.tgt({ portals: ['127.0.0.1:14113'], control: 7511, target: `${IQN}-second`, luns: luns('b.img') });
      const one = await lab.open({ port: 14110 });
      const same = await lab.open({ port: 14112 });
      const other = await lab.open({ port: 14113, target: `${IQN}-second` });
      assert.deepEqual(one.identity(), same.identity());
      assert.notEqual(one.identity().id, other.identity().id);
      assert.deepEqual(one.facts.designators, other.facts.designators, 'tgt tells them apart in no other way');
    });

    it('says what is missing: the LUN, the target, the port, an iSCSI target at all', async () => {
      await oneTgt();
      await assert.rejects(lab.open({ port: 14110, lun: 7 }), fault(/has no LUN 7/, /these LUNs: 0, 1/));
      await assert.rejects(lab.open({ port: 14110, target: `${IQN}-no` }), fault(/14110 refuses the login to .*-no/));
      await assert.rejects(lab.open({ port: 14119 }), fault(/127\.0\.0\.1:14119 refuses the connection/, /start/));
      await assert.rejects(lab.open({ port: 14110, lun: 0 }), fault(/LUN 0 .* is no disk/, /these LUNs: 0, 1/));
      const web = await listen(14118, (say) => say('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(9)));
      await assert.rejects(lab.open({ port: 14118 }), fault(/14118: the target sends what is no iSCSI/));
      web.close();
      const mute = await listen(14118, () => undefined);
      const timing = { loginMs: 300 };
      await assert.rejects(lab.open({ port: 14118 }, { timing }), fault(/does not end the login within 0\.3 s/));
      mute.close();
    });

    it('refuses to write what is write protected, and reads it', async () => {
      const tgt = await oneTgt();
      tgt.adm('--mode', 'logicalunit', '--op', 'update', '--tid', '1', '--lun', '1', '--params', 'readonly=1');
      await assert.rejects(lab.open({ port: 14110 }), fault(/is write protected/, /allow writing/));
      const volume = await lab.open({ port: 14110 }, { writable: false });
      await volume.read(0, new Uint8Array(4096));
      await assert.rejects(
        volume.writev([{ offset: 0, length: 512, payload: 'zeros' }], { fua: false }),
        /reading only/,
      );
    });

    it('proves who it is by CHAP, and has the target prove itself', async () => {
      const chap = ['host', 'the secret of host', 'disk', 'the secret of disk'];
      await oneTgt({ chap });
      const [user, secret] = chap;
      const mutual = { user: 'disk', secret: chap[3] };
      const opens = (wish: object, url: object = { user, secret }): Promise<LuVolume> =>
        lab.open({ port: 14110, ...url }, wish);
      await (await opens({})).read(0, new Uint8Array(512));
      const both = await opens({ mutual });
      await both.read(0, new Uint8Array(512));
      assert.doesNotMatch(both.text, /secret/);
      await assert.rejects(opens({}, {}), fault(/refuses the login|authentication/, /user and a secret/));
      await assert.rejects(
        opens({}, { user, secret: 'not the secret!' }),
        fault(/refuses the login/, /check the user/),
      );
      await assert.rejects(opens({ mutual: { ...mutual, secret: 'another secret' } }), fault(/does not prove itself/));
      await assert.rejects(opens({ mutual: { ...mutual, user: 'tape' } }), fault(/does not prove itself/));
      await assert.rejects(opens({ mutual: { user: 'disk', secret } }), fault(/one secret for both directions/));
    });

    it('is held against other units, and by this one again after a kill', async () => {
      await oneTgt();
      const holder = fileURLToPath(new URL('./initiatorHolder.js', import.meta.url));
      const child = spawn(process.execPath, [holder, `iscsi://127.0.0.1:14110/${IQN}/1`, '0xabc'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      const other = { lockKey: 0xdefn };
      await assert.rejects(
        lab.open({ port: 14110 }, other),
        fault(/another unit .* \(key 0000000000000abch\)/, /stop/),
      );
      child.kill('SIGKILL');
      await once(child, 'exit');
      await assert.rejects(lab.open({ port: 14110 }, other), fault(/another unit/), 'a kill gives nothing away');
      const mine = await lab.open({ port: 14110 }, { lockKey: 0xabcn });
      assert.ok(mine.locked);
      await mine.writev([{ offset: 0, length: 4096, payload: [new Uint8Array(4096).fill(7)] }], { fua: true });
      const stranger = await lab.open({ port: 14110 });
      const write = stranger.writev([{ offset: 0, length: 512, payload: [new Uint8Array(512)] }], { fua: false });
      await assert.rejects(write, fault(/RESERVATION CONFLICT/, /reserved/));
      await stranger.read(0, new Uint8Array(512));
      await mine.close();
      const next = await lab.open({ port: 14110 }, other);
      assert.ok(next.locked, 'let go at a clean end');
    });

    it('loses its connection under load, and nobody notices', async () => {
      const tgt = await oneTgt();
      const notices: string[] = [];
      const volume = await lab.open({ port: 14110 }, { lockKey: 1n, notice: (text) => notices.push(text) });
      const { written, stop } = load(volume);
      for (let n = 0; n < 3; n++) {
        const before = written();
        await until('the load', () => written() > before + 20);
        assert.equal(tgt.kick(), 1);
        await until('the notice', () => notices.filter((text) => /is back/.test(text)).length === n + 1);
      }
      const model = await stop();
      await assert.rejects(volume.flush(), fault(/perhaps what the target's cache held/));
      await volume.flush();
      await compare(volume, model);
    });

    it('is killed under load and started again', async () => {
      const tgt = await oneTgt();
      const volume = await lab.open({ port: 14110 }, { lockKey: 1n });
      const { written, stop } = load(volume);
      await until('the load', () => written() > 50);
      await tgt.stop('SIGKILL');
      await tgt.start();
      const before = written();
      await until('the load', () => written() > before + 50);
      const model = await stop();
      await compare(volume, model);
      assert.ok(volume.locked);
    });

    it('is gone: calls end in time, then at once, until it is back', async () => {
      const tgt = await oneTgt();
      const volume = await lab.open({ port: 14110 }, { timing: { reconnectMs: 2000 } });
      const sizes: number[] = [];
      volume.onSizeChange((blocks) => sizes.push(blocks));
      await tgt.stop('SIGKILL');
      const gone = fault(/127\.0\.0\.1:14110 .*; no session again within 2 s/);
      await assert.rejects(volume.read(0, new Uint8Array(512)), gone);
      assert.equal(volume.session, 'down');
      assert.ok(volume.down);
      assert.match(volume.away?.message ?? '', /no session again within 2 s/);
      const started = performance.now();
      await assert.rejects(volume.flush(), gone);
      await assert.rejects(volume.revive(), fault(/14110 refuses the connection/));
      assert.ok(performance.now() - started < 1500, 'neither waited for a session');
      truncateSync(`${lab.folder}/a.img`, SIZE + MiB);
      await tgt.start();
      await volume.revive();
      assert.deepEqual([volume.down, volume.away], [false, undefined]);
      await volume.flush();
      assert.deepEqual(sizes, [(SIZE + MiB) / 512], 'it came back longer');
      await volume.grow(SIZE + MiB);
      await assert.rejects(volume.grow(SIZE + 2 * MiB), fault(/holds 34603008 bytes, 35651584 are needed/, /enlarge/));
    });

    it('H2 is away: that is said a second later, while calls still wait, until it is back', async () => {
      const tgt = await oneTgt();
      const volume = await lab.open({ port: 14110 }, { timing: { reconnectMs: 60_000 } });
      const away = (): string | undefined => volume.away?.message;
      assert.equal(away(), undefined);
      await tgt.stop('SIGKILL');
      await until('it is said', () => away() !== undefined);
      assert.match(away() ?? '', /^127\.0\.0\.1:14110 .*; a new session is being opened$/);
      assert.equal(volume.down, false);
      const reading = volume.read(0, new Uint8Array(512));
      await tgt.start();
      await reading;
      assert.equal(away(), undefined);
    });

    it('is not taken for the LU that it was when another answers', async () => {
      const tgt = await oneTgt();
      const volume = await lab.open({ port: 14110 }, { timing: { reconnectMs: 2000 } });
      tgt.adm('--mode', 'logicalunit', '--op', 'update', '--tid', '1', '--lun', '1', '--params', 'scsi_sn=other');
      tgt.kick();
      await assert.rejects(volume.read(0, new Uint8Array(512)), fault(/another LU answers now/, /maps its LUs/));
    });
  });

  describe('istgt', () => {
    const shapes: [number, string[]][] = [
      [512, []],
      [4096, []],
      [512, ['MaxBurstLength 65536', 'FirstBurstLength 16384', 'MaxRecvDataSegmentLength 8192', 'InitialR2T Yes']],
      [512, ['MaxOutstandingR2T 8', 'MaxBurstLength 16384', 'FirstBurstLength 4096']],
    ];
    for (const [blockSize, unit] of shapes) {
      it(`holds what is written, blocks of ${blockSize} bytes ${unit.join(', ')}`, async () => {
        const image = lab.image('a.img', SIZE);
        await lab.istgt(14120, image, SIZE, blockSize, unit);
        const digests = { header: true, data: unit.length === 0 };
        const volume = await lab.open({ port: 14120, lun: 0 }, { digests });
        assert.equal(volume.blockSize, blockSize);
        await workOut(volume, image, 200 + blockSize + unit.length, 12);
      });
    }

    it('is held against other units', async () => {
      await lab.istgt(14120, lab.image('a.img', SIZE), SIZE, 512);
      const mine = await lab.open({ port: 14120, lun: 0 }, { lockKey: 5n });
      assert.ok(mine.locked);
      const other = { lockKey: 6n, initiatorName: 'iqn.2024-01.lab.example:other' };
      await assert.rejects(lab.open({ port: 14120, lun: 0 }, other), fault(/another unit/));
      await mine.close();
      assert.ok((await lab.open({ port: 14120, lun: 0 }, other)).locked);
    });

    it('pings, and is answered', async () => {
      await lab.istgt(14120, lab.image('a.img', SIZE), SIZE, 512);
      const notices: string[] = [];
      const timing = { pingAfterMs: 300 };
      const volume = await lab.open({ port: 14120, lun: 0 }, { timing, notice: (text) => notices.push(text) });
      const { local } = volume;
      // Both sides ping meanwhile: istgt every second, we after 300 ms; an unanswered one would end the session.
      await new Promise((resolve) => setTimeout(resolve, 2500));
      await volume.read(0, new Uint8Array(512));
      assert.equal(volume.local, local, 'still the same connection');
      assert.deepEqual(notices, []);
    });
  });

  /** Writes of 4 to 64 KiB, eight at a time, each to its own place, until stopped; resolves with what was written. */
  function load(volume: LuVolume): { written: () => number; stop: () => Promise<Uint8Array> } {
    const model = new Uint8Array(SIZE);
    let count = 0;
    let going = true;
    const lane = async (n: number): Promise<void> => {
      const roll = random(77 + n);
      const width = SIZE / 8;
      while (going) {
        const length = 4096 * (1 + roll(16));
        const offset = n * width + roll((width - length) / 512) * 512;
        const bytes = noise(length, roll);
        await volume.writev([{ offset, length, payload: [bytes] }], { fua: false });
        model.set(bytes, offset);
        count++;
      }
    };
    const lanes = Promise.all(Array.from({ length: 8 }, (_, n) => lane(n)));
    lanes.catch(() => undefined);
    const stop = async (): Promise<Uint8Array> => {
      going = false;
      await lanes;
      return model;
    };
    return { written: () => count, stop };
  }

  async function compare(volume: LuVolume, model: Uint8Array): Promise<void> {
    const back = new Uint8Array(model.length);
    await volume.read(0, back);
    assert.ok(Buffer.from(back).equals(model), 'the LU holds what was written');
    assert.ok(readFileSync(`${lab.folder}/a.img`).equals(model), 'and so does its file');
  }
});

async function listen(port: number, greet: (say: (text: string) => void) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    greet((text) => socket.write(text));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
