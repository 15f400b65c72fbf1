import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import type { UnitStatus } from '../../src/unit/watch/status.ts';
import { Bench } from './kit/bench.ts';
import { MiB } from './kit/files.ts';
import { Guest, plugged } from './kit/guest.ts';
import { need } from './kit/parts.ts';
import { outcome, run } from './kit/processes.ts';
import { MAIN, type Unit } from './kit/unit.ts';

/**
 * The target against the initiator of a Linux kernel, in an emulated machine that is made from Debian's packages (some 170 MB,
 * once). It takes minutes, so it is run by hand: TAPMIRROR_SUITES=all npx mocha '.../test/live/kernel.test.js'
 */
const ALL = process.env.TAPMIRROR_SUITES === 'all';

const NAME = 'iqn.2024-01.lab.example';
const DISKS = `${NAME}:disks`;
const CLOSED = `${NAME}:closed`;
const PROMOTED = `${NAME}:promoted`;
const [ONE, TWO] = ['10.7.1.1:3260', '10.7.2.1:3260'];
const TEE = '10.7.1.1:3270';
const STAND_IN = '10.7.2.1:3271';
/** XFS wants 300 MiB. */
const SIZE = 384 * MiB;
/** What a kernel says of a target that does not do as it should. */
const COMPLAINTS =
  /unexpected|illegal|invalid|not supported|sense key|i\/o error|call trace|blocked for more|offline|abort|timed? ?out|conn error/i;

(ALL ? describe : describe.skip)('A5 a Linux kernel as the host of the target', function () {
  this.timeout(400_000).bail(true);
  let b: Bench;
  let unit: Unit;
  let guest: Guest;

  const config = {
    serve: {
      listen: [ONE, TWO],
      targets: [
        {
          name: DISKS,
          portals: [ONE, TWO],
          luns: [
            { lun: 0, from: 'file:zero.img', thin: true, cache: true },
            { lun: 1, from: 'file:one.img', thin: true, blockSize: 4096 },
            { lun: 2, from: 'file:two.img' },
          ],
        },
        {
          name: CLOSED,
          auth: {
            users: [{ user: 'host', secretEnv: 'HOST_SECRET' }],
            mutual: { user: 'target', secretEnv: 'TARGET_SECRET' },
          },
          luns: [{ lun: 0, from: 'file:closed.img' }],
        },
      ],
    },
  };
  const secrets = { HOST_SECRET: 'the-host-is-it', TARGET_SECRET: 'the-target-is-it' };
  const start = async (): Promise<void> => {
    unit = await b.unit(config, { env: secrets });
  };
  const script = (text: string, ms = 300_000): Promise<string> => guest.run(text, ms);

  /** What the kernel said since it was asked last. */
  const kernel = (): Promise<string> => script('dmesg -c');
  /** Waits until the host has written more to each of these disks. */
  const wrote = async (...luns: number[]): Promise<void> => {
    const writes = ({ serve }: UnitStatus): number[] =>
      luns.map((n) => serve?.luns.find(({ target, lun }) => target === DISKS && lun === n)?.writes ?? 0);
    const from = writes(await unit.status());
    const more = (status: UnitStatus): boolean => writes(status).every((now, i) => now > from[i] + 20);
    await unit.until('writes', more, 120_000);
  };
  const content = async (): Promise<void> => {
    const said = (await kernel()).split('\n').filter((line) => COMPLAINTS.test(line));
    assert.deepEqual(said, []);
  };

  before(async function () {
    this.timeout(900_000);
    await need(this, ['guest']);
    b = new Bench();
    b.target = await b.net.space('kernel');
    const images = ['zero', 'one', 'two', 'closed'];
    for (const name of images) b.image(`${name}.img`, { bytes: SIZE });
    guest = await Guest.boot(b.processes, b.net, { space: b.target, cards: 2, console: b.path('console') });
    await start();
    await kernel();
  });
  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return;
    console.log(`${b.words()}\n${guest?.console.slice(-1500)}`);
  });
  after(() => b?.close());

  it('finds it, proves who it is, and lets it prove who it is', async () => {
    const found = await script(
      `iscsiadm -m discovery -t st -p ${ONE}; iscsiadm -m discoverydb -p ${ONE} -t st -o delete`,
    );
    for (const portal of [ONE, TWO]) assert.ok(found.includes(`${portal},1 ${DISKS}`), found);
    const chap = 'node.session.auth';
    const user = `${chap}.authmethod CHAP ${chap}.username host ${chap}.password`;
    const both = `${user} ${secrets.HOST_SECRET} ${chap}.username_in target ${chap}.password_in`;
    const there = `${CLOSED} ${ONE}`;
    await script(`
refused login ${there}
refused login ${there} ${user} ${secrets.TARGET_SECRET}
refused login ${there} ${both} ${secrets.HOST_SECRET}
login ${there} ${user} ${secrets.HOST_SECRET}; disk ${there} 0; logout ${there}
for kind in MD5 SHA1 SHA256 SHA3-256; do
  login ${there} ${both} ${secrets.TARGET_SECRET} ${chap}.chap_algs $kind; disk ${there} 0; logout ${there}
done`);
    await kernel();
  });

  it('shows a disk as the kernel and its tools want one', async () => {
    const there = `${DISKS} ${ONE}`;
    const said = await script(`
login ${there}
for lun in 0 1 2; do
  name=$(basename $(disk ${there} $lun))
  for what in logical_block_size physical_block_size minimum_io_size discard_granularity write_cache fua rotational; do
    echo "$lun $what $(cat /sys/block/$name/queue/$what)"
  done
  cat /sys/block/$name/device/scsi_disk/*/{provisioning_mode,zeroing_mode}
done
d=$(disk ${there} 0)
for page in 0 0x80 0x83 0x86 0x87 0x8f 0xb0 0xb1 0xb2; do sg_vpd -p $page $d >/dev/null; done
sg_inq $d; sg_luns $d; sg_opcodes $d >/dev/null; sg_opcodes -t $d >/dev/null; sg_logs -a $d >/dev/null
sg_modes -a $d >/dev/null; sg_requests $d >/dev/null; sg_senddiag -t $d; sg_persist -c $d; sg_turs $d; sg_readcap -l $d
sg_get_lba_status $d >/dev/null; sg_copy_results -p $d >/dev/null`);
    for (const line of [
      ...[
        '0 logical_block_size 512',
        '0 minimum_io_size 512',
        '0 discard_granularity 4096',
        '0 write_cache write back',
      ],
      ...[
        '0 fua 1',
        '1 logical_block_size 4096',
        '1 discard_granularity 4096',
        '1 write_cache write through',
        '0 rotational 0',
      ],
      ...['2 discard_granularity 0', 'writesame_16_unmap', 'Vendor identification: TAPMIRR'],
    ]) {
      assert.ok(said.includes(line), `${line}\n${said}`);
    }
    await content();
  });

  it('writes, compares, verifies, unmaps, copies and reserves as the commands say', async () => {
    const there = `${DISKS} ${ONE}`;
    await script(`
d=$(disk ${there} 0); cd /tmp
head -c 512 /dev/zero >z; head -c 512 /dev/urandom >r; cat z r >zr; cat r z >rz
blkdiscard -f $d
sg_compare_and_write --lba=1 --num=1 --in=zr $d
refused sg_compare_and_write --lba=1 --num=1 --in=zr $d
sg_compare_and_write --lba=1 --num=1 --in=rz $d
sg_write_x --16 --or --bs=512 --lba=3 --num=1 --in=r $d
sg_write_x --atomic=0 --bs=512 --lba=2 --num=1 --in=r $d
sg_write_verify --16 --lba=4 --in=r $d
for n in 2 3 4; do dd if=$d bs=512 skip=$n count=1 iflag=direct 2>/dev/null | cmp - r; done
sg_verify --16 --lba=4 --count=1 --ndo=512 --in=r $d
refused sg_verify --16 --lba=4 --count=1 --ndo=512 --in=z $d
sg_write_same --16 --lba=8 --num=8 --in=r --xferlen=512 $d
for n in 8 15; do dd if=$d bs=512 skip=$n count=1 iflag=direct 2>/dev/null | cmp - r; done
sg_xcopy if=$d of=$d skip=8 seek=1000 bs=512 count=8 >/dev/null
dd if=$d bs=512 skip=1007 count=1 iflag=direct 2>/dev/null | cmp - r
sg_unmap --lba=8 --num=8 --force $d
dd if=$d bs=512 skip=15 count=1 iflag=direct 2>/dev/null | cmp - z
sg_sync $d; sg_reset -d $d
blkdiscard -z -f $d; cmp -n ${SIZE} $d /dev/zero
login ${DISKS} ${TWO}; e=$(disk ${DISKS} ${TWO} 0)
sg_persist -o -G -S 1 $d >/dev/null; sg_persist -o -R -K 1 -T 5 $d >/dev/null
refused dd if=/dev/zero of=$e bs=4k count=1 oflag=direct
dd if=/dev/zero of=$d bs=4k count=1 oflag=direct 2>/dev/null
sg_persist -o -G -S 2 $e >/dev/null; dd if=/dev/zero of=$e bs=4k count=1 oflag=direct 2>/dev/null
sg_persist -o -C -K 2 $e >/dev/null; sg_turs $d >/dev/null 2>&1 || echo 'told that it was preempted'
sg_persist -k $d | grep 'NO registered'
logout ${DISKS} ${TWO}`);
    await kernel();
  });

  it('has file systems on it, which are whole', async () => {
    const there = `${DISKS} ${ONE}`;
    await script(`
for lun in 0 1; do for kind in ext4 xfs; do filesystem $kind $(disk ${there} $lun); done; done
logout ${there}`);
    await content();
  });

  it('reads what it wrote at depths of 1 to 64, small and large, with digests and without', async () => {
    const there = `${DISKS} ${ONE}`;
    const connection = 'node.conn[0].iscsi';
    const digests = `${connection}.HeaderDigest CRC32C ${connection}.DataDigest CRC32C`;
    const bursts = 'node.session.iscsi.FirstBurstLength 65536 node.session.iscsi.MaxOutstandingR2T 4';
    const negotiated = await script(`
login ${there} ${digests} ${bursts}; iscsiadm -m session -P 2
for depth in 1 8 64; do
  verified $(disk ${there} 0) $depth 512-128k 8 --blockalign=512 & one=$!
  verified $(disk ${there} 1) $depth 4k-256k 16; wait $one
done
logout ${there}
login ${there} node.session.iscsi.InitialR2T Yes node.session.iscsi.ImmediateData No
verified $(disk ${there} 2) 16 512-64k 8 --blockalign=512
logout ${there}`);
    assert.match(negotiated, /HeaderDigest: CRC32C\s+DataDigest: CRC32C/);
    await content();
  });

  it('sees a disk that became longer, and has a file system grow on it', async () => {
    const there = `${DISKS} ${ONE}`;
    await script(
      `login ${there}; d=$(disk ${there} 2); mkfs.xfs -q -f $d; mkdir -p /mnt/g; mount $d /mnt/g; cp /usr/bin/bash /mnt/g/`,
    );
    truncateSync(b.path('two.img'), SIZE + 64 * MiB);
    await unit.until(
      'the new size',
      ({ serve }) => serve?.luns.some(({ bytes }) => bytes === SIZE + 64 * MiB) === true,
    );
    await script(`
d=$(disk ${there} 2); sync; iscsiadm -m session --rescan >/dev/null
for i in $(seq 100); do [ $(cat /sys/block/$(basename $d)/size) = ${(SIZE + 64 * MiB) / 512} ] && break; sleep 0.2; done
xfs_growfs /mnt/g; cmp /usr/bin/bash /mnt/g/bash; umount /mnt/g; xfs_repair -n $d 2>&1; logout ${there}`);
    await content();
  });

  it('goes on after the target was killed in the midst of writes, and finds all that it wrote', async () => {
    const there = `${DISKS} ${ONE}`;
    await script(`login ${there}; rm -f /run/enough`);
    const io = script(`
verified_long $(disk ${there} 0) 16 4k-64k 24 & one=$!
verified_long $(disk ${there} 1) 4 4k-64k 16; wait $one`);
    const kills = async (): Promise<void> => {
      for (let n = 0; n < 3; n++) {
        await wrote(0, 1);
        await unit.kill();
        await start();
      }
      await wrote(0, 1);
      await script('touch /run/enough');
    };
    await Promise.all([io, kills()]);
    assert.doesNotMatch(await kernel(), /I\/O error/);
    await script(`logout ${there}`);
    await kernel();
  });

  it('has two ways to it: either may break, and none of its writes does', async () => {
    await script(`
rm -f /run/enough
login ${DISKS} ${ONE} node.session.timeo.replacement_timeout 5
login ${DISKS} ${TWO} node.session.timeo.replacement_timeout 5
multipaths $(disk ${DISKS} ${ONE} 0) $(disk ${DISKS} ${TWO} 0)
test $(map $(disk ${DISKS} ${ONE} 0)) = $(map $(disk ${DISKS} ${TWO} 0))`);
    const io = script(`verified_long $(map $(disk ${DISKS} ${ONE} 0)) 16 4k-64k 24`);
    const breaks = async (): Promise<void> => {
      for (const [card, portal] of [
        [2, TWO],
        [1, ONE],
      ] as const) {
        const device = `$(basename $(disk ${DISKS} ${portal} 0))`;
        await wrote(0);
        await plugged(b.target, card, false);
        await script(`multipath_says " ${device} .* failed" 60`);
        await wrote(0);
        await plugged(b.target, card, true);
        await script(`multipath_says " ${device} .* active ready" 60`);
      }
      await wrote(0);
      await script('touch /run/enough');
    };
    await Promise.all([io, breaks()]);
    await script(`multipath -F; pkill -x multipathd; logout ${DISKS} ${ONE}; logout ${DISKS} ${TWO}`);
    await kernel();
  });

  it('writes through a tee, loses its first volume, and finds it again where the mirror was promoted', async () => {
    writeFileSync(b.path('mirror.img'), '');
    truncateSync(b.path('mirror.img'), SIZE);
    const mirrored = await b.unit(
      {
        source: { tee: { listen: TEE, target: ONE } },
        volumes: [{ name: 'disk', lu: `${DISKS}/0`, first: `iscsi://${ONE}/${DISKS}/0`, mirrors: ['file:mirror.img'] }],
        serve: {
          listen: STAND_IN,
          targets: [{ name: PROMOTED, luns: [{ lun: 0, mirror: 'file:mirror.img', identity: 'first' }] }],
        },
      },
      { name: 'mirrored' },
    );
    await mirrored.settled();
    await script(`
login ${DISKS} ${TEE} node.session.timeo.replacement_timeout 5
multipaths $(disk ${DISKS} ${TEE} 0); dm=$(map $(disk ${DISKS} ${TEE} 0))
filesystem xfs $dm; filesystem ext4 $dm; mount -o discard,noinit_itable $dm /mnt/ext4
verified /mnt/ext4/file 32 4k-64k 16; sync`);
    const { notices } = await mirrored.settled();
    assert.deepEqual(
      notices.filter((text) => text.includes('restarted')),
      [],
    );
    b.same('zero.img', 'mirror.img');
    await unit.stop();
    const late = script('echo late >/mnt/ext4/late; sync');
    const promote = async (): Promise<void> => {
      const words = [process.execPath, MAIN, 'promote', 'disk', '--config', mirrored.config];
      const promoted = await outcome(b.target, words);
      assert.equal(promoted.code, 0, promoted.err);
      await script(`login ${PROMOTED} ${STAND_IN}; multipaths $(disk ${PROMOTED} ${STAND_IN} 0)`);
    };
    await Promise.all([late, promote()]);
    await script(`
cd /mnt/ext4; sha256sum -c --quiet /tmp/sums.ext4; grep late late; cd /; dm=$(findmnt -n -o SOURCE /mnt/ext4)
umount /mnt/ext4; e2fsck -fn $dm 2>&1; multipath -F; pkill -x multipathd
logout ${PROMOTED} ${STAND_IN}; logout ${DISKS} ${TEE}`);
    assert.doesNotMatch(await kernel(), /EXT4-fs error|call trace/i);
    await mirrored.stop();
    await run(undefined, ['cmp', '-s', b.path('mirror.img'), b.path('zero.img')]).then(
      () => assert.fail('what was written late is not in the mirror alone'),
      () => undefined,
    );
  });
});
