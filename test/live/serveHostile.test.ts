import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../fuzz/random.ts';
import type { Bytes } from '../kit/link.ts';
import { lunField, pdu, text } from '../kit/pdu.ts';
import { lu } from './kit/bench.ts';
import { MiB, used } from './kit/files.ts';
import { Processes } from './kit/processes.ts';
import { Serving } from './kit/serving.ts';
import { until, when } from './kit/until.ts';
import { Verified } from './kit/verified.ts';

const IQN = 'iqn.2024-01.lab.example:hostile';
const PORT = 14820;
const PORTAL = `127.0.0.1:${PORT}`;
const SECRET = 'sixteen-byte-secret';
const SIZE = 16 * MiB;
/** Hostile connections, and the seed of what they say. */
const HOSTILE = Number(process.env.TAPMIRROR_HOSTILE ?? 600);
const SEED = Number(process.env.TAPMIRROR_SEED ?? 1);
const AT_ONCE = 24;
const NONE = 0xffffffff;
/** Beyond what the program itself takes. */
const MEMORY_MAX = 700 * MiB;

function opened(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: PORT });
  socket.on('error', () => undefined);
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket)).once('close', () => resolve(socket));
  });
}

function login(initiator: string, itt: number, isid: number): Bytes {
  const keys = {
    InitiatorName: initiator,
    TargetName: IQN,
    InitialR2T: 'No',
    ImmediateData: 'Yes',
    MaxRecvDataSegmentLength: '262144',
    MaxBurstLength: '1048576',
  };
  const lun = Uint8Array.of(0x80, 0, 0, 0, isid >> 8, isid & 0xff, 0, 0);
  return pdu({ opcode: 3, immediate: true, flags: 0x87, lun, itt, words: { 20: 0, 24: 1 }, data: text(keys) });
}

/** READ(10) or WRITE(10) of 512 blocks, without data of its own. */
function transfer(itt: number, cmdSn: number, write: boolean): Bytes {
  const cdb = new Uint8Array(16);
  cdb[0] = write ? 0x2a : 0x28;
  cdb[7] = 2;
  const words = { 20: 512 * 512, 24: cmdSn };
  return pdu({ opcode: 1, flags: write ? 0xa1 : 0xc1, lun: lunField(1), itt, words, cdb });
}

/** What somebody says who has no business here: requests of all kinds, out of shape, and noise. */
function hostileBytes(random: Random): Bytes {
  const parts: Bytes[] = [];
  for (let n = random.between(1, 12); n > 0; n--) {
    if (random.chance(5)) {
      const noise = new Uint8Array(random.below(400));
      random.fill(noise);
      parts.push(noise);
      continue;
    }
    const guess: Record<string, string> = {
      InitiatorName: 'iqn.2024-01.lab.example:stranger',
      TargetName: IQN,
      AuthMethod: random.pick(['CHAP', 'None', 'CHAP,None', 'None,CHAP']),
      ...(random.chance(2) ? { CHAP_A: '5,7', CHAP_N: 'joe', CHAP_R: '0x00', CHAP_I: '1', CHAP_C: '0x01' } : {}),
    };
    const opcode = random.pick([0, 1, 1, 2, 3, 3, 3, 3, 4, 5, 6, 0x10, 0x1c]);
    const flags = opcode === 3 ? random.pick([0x81, 0x83, 0x87, 0x00, 0x04, 0x44]) : random.below(256);
    const words = { 20: random.chance(2) ? NONE : random.hostile(), 24: 1, 36: random.hostile(), 40: random.hostile() };
    const cdb = Uint8Array.from({ length: 16 }, () => random.below(256));
    cdb[0] = random.pick([0x00, 0x12, 0x28, 0x2a, 0x5f, 0xa0]);
    const data = opcode === 3 ? text(guess) : new Uint8Array(random.below(600));
    const body = opcode === 1 ? { cdb } : {};
    const made = pdu({
      opcode,
      immediate: opcode === 3,
      flags,
      lun: lunField(1),
      itt: random.below(9),
      words,
      data,
      ...body,
    });
    if (random.chance(4)) made[random.below(made.length)] = random.below(256);
    parts.push(made);
  }
  return Uint8Array.from(Buffer.concat(parts));
}

/** What it was told: nothing but refusals, challenges and rejections. */
function checkTold(told: Buffer): void {
  for (let at = 0; at + 48 <= told.length; ) {
    const opcode = told[at];
    assert.equal(opcode, 0x23, `a stranger is told a PDU of opcode ${opcode.toString(16)}h`);
    const over = (told[at + 1] & 0x83) === 0x83 && told.readUInt16BE(at + 36) === 0;
    assert.ok(!over, 'a stranger has logged in');
    const length = told.readUIntBE(at + 5, 3);
    at += 48 + length + (-length & 3);
  }
}

async function attack(random: Random): Promise<void> {
  const socket = await opened();
  if (socket.destroyed) return;
  const told: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => void told.push(chunk));
  // `once` of events would take a reset, which is what such a one gets, for a failure.
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const bytes = hostileBytes(random);
  const cut = random.below(bytes.length + 1);
  socket.write(bytes.subarray(0, cut));
  socket.end(bytes.subarray(cut));
  await closed;
  checkTold(Buffer.concat(told));
}

function memoryOf(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]) * 1024;
}

describe('H5 a served target among hostile, slow and idle peers', function () {
  this.timeout(120_000);
  const processes = new Processes();
  const sockets: Socket[] = [];
  let folder = '';
  let host: Verified | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tapmirror-hostile-'));
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await host?.close();
    await processes.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function served(...options: string[]): Promise<{ serving: Serving; image: string }> {
    const image = join(folder, 'disk.img');
    writeFileSync(image, '');
    truncateSync(image, SIZE);
    used(image, 2 * MiB, 3 * MiB, 7);
    const words = ['serve', image, '--listen', PORTAL, '--name', IQN, '--cache', ...options];
    const serving = new Serving(processes, words, { SERVE_SECRET: SECRET });
    await serving.ready();
    return { serving, image };
  }

  function friend(url: string): Verified {
    const initiator = 'iqn.2024-01.lab.example:friend';
    return new Verified({
      url,
      initiator,
      seed: SEED,
      operations: ['w10', 'r10', 'w16', 'r10'],
      depth: 8,
      patienceMs: 3000,
    });
  }

  it(`${HOSTILE} strangers get nothing, and disturb nobody`, async () => {
    const { serving, image } = await served('--user', 'joe', '--secret-env', 'SERVE_SECRET');
    host = await friend(lu(PORTAL, IQN).replace('iscsi://', `iscsi://joe%${SECRET}@`)).begin(image);
    const before = memoryOf(serving.pid);
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < HOSTILE) await attack(new Random(SEED, next++));
    };
    await Promise.all([host.run(2000), ...Array.from({ length: AT_ONCE }, lane)]);
    await host.readAll();
    const grown = memoryOf(serving.pid) - before;
    assert.ok(grown < 256 * MiB, `${grown} bytes more are held`);
    await host.close();
    await serving.stop();
    host.check(image);
    assert.ok(!serving.said.includes(SECRET));
  });

  it('idle and slow peers keep nobody from his turn, and hold no more than they may', async () => {
    const { serving, image } = await served();
    for (let n = 0; n < 40; n++) {
      const socket = await opened();
      sockets.push(socket);
      socket.pause();
      // Half of them ask for everything and take nothing; the others promise data that does not come.
      socket.write(login(`iqn.2024-01.lab.example:slow-${n}`, 1, n));
      const all = Array.from({ length: 100 }, (_, i) => transfer(i + 10, i + 1, n % 2 === 1));
      socket.write(Buffer.concat(all));
    }
    for (let n = 0; n < 300; n++) sockets.push(await opened());
    host = await friend(lu(PORTAL, IQN)).begin(image);
    await host.run(1500);
    await host.readAll();
    const memory = memoryOf(serving.pid);
    assert.ok(memory < MEMORY_MAX, `${memory} bytes are held`);
    const late = await opened();
    sockets.push(late);
    late.write(login('iqn.2024-01.lab.example:late', 1, 999));
    const [answer] = (await once(late, 'data')) as [Buffer];
    assert.deepEqual([answer[0], answer.readUInt16BE(36)], [0x23, 0]);
    for (const socket of sockets.splice(0)) socket.destroy();
    await until('what they held is free', () => when(memoryOf(serving.pid) < MEMORY_MAX));
    await host.close();
    await serving.stop();
    host.check(image);
  });
});
