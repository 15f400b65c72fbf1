import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { CheckedReadsStatus } from '../../src/unit/compare/checkedReads.ts';
import type { VerifyReport } from '../../src/unit/compare/verifyTypes.ts';
import { type Bench, describeLive, IQN, lu, TARGET, TEE, TEE_SOURCE } from './kit/bench.ts';
import { MiB } from './kit/files.ts';
import type { LoadOrder } from './kit/load.ts';
import type { Operation } from './kit/operations.ts';
import { outcome } from './kit/processes.ts';
import { MAIN, type Unit } from './kit/unit.ts';

const PAGE = 4096;
/** Few enough writes that checksums are made anew meanwhile, of the blocks that others read. */
const RACING = {
  operations: [...Array<Operation>(12).fill('r10'), 'w10', 'same16u', 'unmap'],
  depth: 6,
  overlap: true,
  pauseMs: 8,
  span: 16 * 2048,
  blocks: [1, 256],
} satisfies Partial<LoadOrder>;
const MIRROR = 'file:second.img';

/** Somebody writes to a medium behind everybody's back. */
function spoil(path: string, place: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.from('not what the hosts wrote'), 0, 24, place + 1000);
  closeSync(fd);
}

/** A host that reads the page at `place`, and others before and behind it. */
function reader(url: string, place: number): Partial<LoadOrder> {
  return { url, operations: ['r10'], blocks: [24, 24], from: place / 512 - 8, span: 24, depth: 1 };
}

/** It does so a few times. */
async function read(b: Bench, url: string, place: number): Promise<void> {
  await (await b.load({ ...reader(url, place), count: 3 })).whole();
}

/** It does so until it is told that this differs: a read that comes while there is too much to do is not looked at. */
async function noticed(b: Bench, unit: Unit, url: string, place: number): Promise<void> {
  const load = await b.load({ ...reader(url, place), pauseMs: 50 });
  await unit.told(
    `what is read at ${place} differs`,
    ({ message, text = '' }) =>
      message === 'notice' && text.includes('what a host read is not what') && text.includes(`${PAGE} at ${place}`),
  );
  await load.stop();
}

async function checked(unit: Unit): Promise<CheckedReadsStatus> {
  const { checkedReads } = (await unit.status()).volumes[0];
  return checkedReads ?? assert.fail('nothing is said of reads');
}

/** Every checksum of the mirror is known. */
async function tabled(unit: Unit): Promise<void> {
  await unit.settled();
  await unit.until('the block table is whole', ({ volumes: [{ mirrors }] }) => {
    const { currentBytes = 0, bytes = 1 } = mirrors[0].blockTable ?? {};
    return currentBytes === bytes;
  });
}

function volume(): object {
  return { lu: `${IQN}/1`, first: lu(TARGET), mirrors: [MIRROR], checkReads: { bytesPerSecond: '1GiB' } };
}

describeLive('D5 what hosts read is checked as it passes', ['tgt'], (bench) => {
  it('through a tee: what somebody did to either side is told within seconds, once, and nothing else under load', async () => {
    const b = bench();
    await b.first();
    const second = b.image('second.img');
    const config = { source: TEE_SOURCE, volumes: [volume()] };
    const before = await b.unit(config);
    await before.settled();
    await before.stop();
    // Nobody looks: its checksums are made of what is there when the unit is back.
    spoil(second, 20 * MiB);
    const unit = await b.unit(config);
    await tabled(unit);
    // Hosts write and read the first half all the while, the same blocks.
    const load = await b.load({ url: lu(TEE), ...RACING });
    await noticed(b, unit, lu(TEE), 20 * MiB);
    spoil(b.path('first.img'), 24 * MiB);
    await noticed(b, unit, lu(TEE), 24 * MiB);
    await read(b, lu(TEE), 20 * MiB);
    // More of the load passes, and what it reads is compared.
    const { blocks } = await checked(unit);
    await unit.until(
      'reads under load are compared',
      ({ volumes }) => (volumes[0].checkedReads?.blocks ?? 0) > blocks + 500,
    );
    const mend = [process.execPath, MAIN, 'verify', '--json', '--repair', '--control', unit.control];
    const report = JSON.parse((await outcome(undefined, mend, 120_000)).out) as VerifyReport;
    assert.deepEqual(report.mirrors[0].differing, [
      [20 * MiB, PAGE],
      [24 * MiB, PAGE],
    ]);
    await load.stop();
    await tabled(unit);
    await read(b, lu(TEE), 20 * MiB);
    await read(b, lu(TEE), 24 * MiB);
    const { differences, unconfirmed, skipped } = await checked(unit);
    assert.deepEqual([differences, unconfirmed, skipped], [2, 0, 0]);
    await unit.stop();
    b.same('first.img', 'second.img');
  });

  it('at a tap: what somebody did to the first volume is told, and nothing else under load', async () => {
    const b = bench();
    await b.first();
    b.image('second.img');
    const unit = await b.unit({ source: { tap: { interfaces: ['t0'], portals: [TARGET] } }, volumes: [volume()] });
    await tabled(unit);
    const load = await b.load({ url: lu(TARGET), ...RACING });
    spoil(b.path('first.img'), 24 * MiB);
    await noticed(b, unit, lu(TARGET), 24 * MiB);
    const { blocks } = await checked(unit);
    await unit.until(
      'reads under load are compared',
      ({ volumes }) => (volumes[0].checkedReads?.blocks ?? 0) > blocks + 500,
    );
    await load.stop();
    await unit.settled();
    assert.equal((await checked(unit)).differences, 1);
    await unit.stop();
  });
});
