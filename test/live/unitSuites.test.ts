import assert from 'node:assert/strict';
import { type Bench, describeLive, lu, SECOND_LU, TAP, TARGET, TEE, TEE_SOURCE, volume } from './kit/bench.ts';
import { type Conformance, conformance, qemuIo, suiteTests } from './kit/peers.ts';
import type { Unit } from './kit/unit.ts';

/** What iscsi-test-cu has about writing, in every form that tgt knows; a half each way, as both decode alike. */
const WAYS = [
  ['A2 a tap', TARGET, TAP, ['Write10', 'WriteSame16', 'WriteVerify12', 'OrWrite', 'Unmap']],
  ['A3 a tee', TEE, TEE_SOURCE, ['Write12', 'Write16', 'WriteSame10', 'WriteVerify10', 'WriteVerify16', 'Unmap']],
] as const;

/** The whole table instead of what tells the most, for a run by hand. */
const ALL = process.env.TAPMIRROR_SUITES === 'all';

/** Login, ordering, task management, reservations and errors: what a tee could get wrong. */
const TEE_SUITES = [
  'iSCSI.iSCSITMF',
  'iSCSI.iSCSIdatasn',
  'iSCSI.iSCSIResiduals',
  'SCSI.Write10',
  'SCSI.Read16',
  'SCSI.Unmap',
  'SCSI.ProutReserve',
  'SCSI.ReportSupportedOpcodes',
];
/** tgt reads past the end of this one's data and answers by what lies there: now one reason, now another. */
const ANY_REASON = 'SCSI.Unmap.ZeroBlocks';

for (const [name, portal, source, suites] of WAYS) {
  describeLive(
    `${name} under the conformance suites and tools of others`,
    ['pcap', 'tgt', 'libiscsi', 'qemu'],
    (bench) => {
      async function start(): Promise<[Bench, Unit]> {
        const b = bench();
        await b.first();
        await b.second();
        return [b, await b.unit({ source, volumes: [volume(SECOND_LU)] })];
      }
      it('B3 is equal after the write suites of iscsi-test-cu', async () => {
        const [b, unit] = await start();
        for (const suite of suites) await conformance(b.host, lu(portal), `SCSI.${suite}.*`);
        const { volumes } = await unit.settled();
        assert.ok(volumes[0].changes > 200, `${volumes[0].changes} changes were seen`);
        b.same('first.img', 'second.img');
        await unit.stop();
      });
      it('B3 is equal after what qemu-io and qemu-img write, discard and zero', async () => {
        const [b, unit] = await start();
        const url = lu(portal);
        await qemuIo(b.host, url, [
          'write -P 0x5a 1M 3M',
          'write -z 1536k 1M',
          'write -P 0xa5 -f 8M 512',
          'write -zu 2M 512k',
          'discard 5M 4M',
          'write -P 0x11 31M 1M',
          'aio_write -P 0x22 12M 64k',
          'aio_write -P 0x33 13M 1M',
          'aio_flush',
          'flush',
          'read -P 0x5a 1M 512k',
          'read -P 0 1536k 1M',
          'read -P 0x11 31M 1M',
          'read -P 0x33 13M 1M',
        ]);
        await qemuIo(b.host, url, [
          'read -P 0x22 12M 64k',
          'write -P 0x44 20M 7M',
          'discard 21M 2M',
          'read -P 0x44 23M 4M',
        ]);
        const { volumes } = await unit.settled();
        assert.ok(volumes[0].changes > 8, `${volumes[0].changes} changes were seen`);
        b.same('first.img', 'second.img');
        await unit.stop();
      });
    },
  );
}
describeLive('A3 what a host sees through a tee', ['tgt', 'libiscsi'], (bench) => {
  it('is line for line what it sees without: results of iscsi-test-cu', async () => {
    const b = bench();
    const tests = await suiteTests(ALL ? ['i?SCSI\\.\\w+'] : TEE_SUITES);
    assert.ok(tests.length > 40, `${tests.length} tests`);
    const table = async (portal: string): Promise<Conformance[]> => {
      const all: Conformance[] = [];
      for (const test of tests) {
        const row = await conformance(b.host, lu(portal), test);
        all.push(test === ANY_REASON ? { ...row, reason: '' } : row);
      }
      return all;
    };
    // The same target, begun anew for both: a test may leave something behind.
    const tgt = await b.first({}, b.image('first.img'));
    const direct = await table(TARGET);
    await tgt.stop();
    await b.first({}, b.image('first.img'));
    b.image('second.img');
    const unit = await b.unit({ source: TEE_SOURCE, volumes: [volume('file:second.img')] });
    assert.deepEqual(await table(TEE), direct);
    await unit.settled();
    b.same('first.img', 'second.img');
    await unit.stop();
    assert.ok(direct.filter(({ result }) => result === 'PASS').length > 30, 'most pass');
  }).timeout(300_000);
});
