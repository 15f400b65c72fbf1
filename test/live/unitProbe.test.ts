import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { PortReport } from '../../src/unit/doctor/doctorPorts.ts';
import type { SourceStatus } from '../../src/unit/watch/status.ts';
import { type Disk, disksOf } from '../kit/busDisks.ts';
import type { Script, ScriptedProbe } from '../kit/scriptedProbe.ts';
import { sharedFolder } from '../shared.ts';
import { Cable } from './kit/cable.ts';
import { outcome, Processes } from './kit/processes.ts';
import { MAIN, Unit, writeConfig } from './kit/unit.ts';
import { until, when } from './kit/until.ts';

const FULL = 'p01-probe-full';
const HEADERS = 'p02-probe-header';
/** A cable is pulled at the latest when the probe has sent so much of the trace: in the midst of it, with more to come. */
const MIDST = 200;

describe('live: a unit at a probe (socat, the real binding)', function () {
  this.timeout(180_000);
  const shared = join(sharedFolder() ?? '', 'bus');
  let processes: Processes;
  let folder: string;
  let cable: Cable;
  let unit: Unit;
  let disks: Disk[];

  before(function () {
    const lacks = ['socat', 'setpriv'].filter((name) => spawnSync(name, ['--version']).error !== undefined);
    const why = lacks.length > 0 ? `not installed: ${lacks.join(', ')}` : sharedFolder() ? undefined : 'no ../shared';
    if (why === undefined) return;
    if (process.env.TAPMIRROR_LIVE === 'required') assert.fail(`this live test cannot run: ${why}`);
    console.log(`      skipped: ${why}`);
    this.skip();
  });
  beforeEach(() => {
    processes = new Processes();
    folder = mkdtempSync(join(tmpdir(), 'tapmirror-unit-probe-'));
    cable = new Cable(join(folder, 'port'), processes);
  });
  afterEach(async () => {
    await cable.pull();
    await processes.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const plug = (name: string, script: Script = {}): Promise<ScriptedProbe> =>
    cable.plug(gunzipSync(readFileSync(join(shared, `${name}.probe.gz`))), { beats: true, ...script });
  const image = (kind: string, index: number): string => join(folder, `${kind}${index}.img`);

  function put(kind: string, which: 'before' | 'after', flag: 'w' | 'r+'): void {
    for (const [i, disk] of disks.entries()) writeFileSync(image(kind, i), disk[which], { flag });
  }

  /** The mirrors hold what the disks held at the end. */
  const same = (): void =>
    disks.forEach(({ volume, after }, i) => {
      const mirror = readFileSync(image('mirror', i));
      const block = after.findIndex((byte, at) => byte !== mirror[at]) / 512;
      assert.ok(mirror.equals(after), `${volume}: the mirror differs at LBN ${Math.floor(block)}`);
    });

  /** Starts the unit; `first`: the disks themselves can be read. */
  async function start(name: string, first: boolean): Promise<void> {
    disks = disksOf(shared, name);
    put('mirror', 'before', 'w');
    if (first) put('first', 'before', 'w');
    const volumes = disks.map(({ volume }, i) => ({
      lu: volume,
      blockSize: 512,
      mirrors: [`file:${image('mirror', i)}`],
      ...(first ? { first: `file:${image('first', i)}` } : {}),
    }));
    const { config, control } = writeConfig(folder, 'unit', { source: { probe: { port: cable.port } }, volumes });
    unit = new Unit(processes, undefined, config, control);
    await unit.ready();
  }

  const source = async (): Promise<SourceStatus> => (await unit.status()).source;
  /** Everything that the probe has told is in the mirrors, or in doubt. */
  const written = (): Promise<unknown> =>
    unit.until(
      'all is written',
      ({ volumes, source: { counts }, buffer }) =>
        (counts as { packets: number }).packets > 0 &&
        volumes.every(({ openWrites }) => openWrites === 0) &&
        buffer.freeBytes === buffer.bytes,
    );

  it('repeats the stream of a bus at 3 Mbaud onto mirrors, through garbage on the line', async () => {
    const probe = await plug(FULL);
    const noise = setInterval(() => cable.write(Buffer.from([0x11, 0x22, 0x13, 0x00, 0xff])), 20);
    try {
      await start(FULL, false);
      await probe.done;
    } finally {
      clearInterval(noise);
    }
    await cable.caughtUp(unit);
    await written();
    const { state, holes, counts, headerOnly } = await source();
    assert.deepEqual([state, holes, headerOnly], ['capturing', 0, false]);
    assert.ok((counts as { badFrames: number }).badFrames > 0);
    await unit.stop();
    same();
  });

  it('reads data that a header-only probe leaves out from the first volumes', async () => {
    let play: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      play = resolve;
    });
    const probe = await plug(HEADERS, { gate });
    await start(HEADERS, true);
    await unit.settled();
    put('first', 'after', 'r+');
    play();
    await probe.done;
    await cable.caughtUp(unit);
    const { volumes } = await unit.settled();
    assert.ok(volumes.every(({ changes }) => changes > 0));
    await unit.stop();
    same();
  });

  for (const [what, boot] of [
    ['was pulled and put back', undefined],
    ['was pulled, and the probe restarted', 99],
  ] as const) {
    it(`compares every volume with its first where the cable ${what}`, async () => {
      let play: () => void = () => {};
      const gate = new Promise<void>((resolve) => {
        play = resolve;
      });
      const probe = await plug(FULL, { gate, rate: 100_000, upTo: MIDST });
      await start(FULL, true);
      const { volumes } = await unit.settled();
      const copied = volumes[0].mirrors[0].comparedBytes;
      play();
      await unit.until('some changes', (status) => status.volumes[0].changes > 5);
      await cable.pull();
      await unit.until('the loss', (status) => status.source.state === 'away');
      await unit.told('the loss in the log', ({ text }) => /nothing is heard of the bus/.test(text ?? ''));
      put('first', 'after', 'r+');
      const again = await plug(FULL, { start: probe.at + 40, seq: probe.seq + 40, ...(boot ? { boot } : {}) });
      await again.done;
      await cable.caughtUp(unit);
      const after = await unit.settled();
      // What was written again since need not be read back.
      assert.ok(after.volumes[0].mirrors[0].comparedBytes > copied + disks[0].after.length / 2);
      assert.ok((after.source.holes as number) > 0);
      assert.equal(after.source.reopened, 1);
      await unit.stop();
      same();
    });
  }

  it('asks for headers only while the line is too slow, and says so', async () => {
    const probe = await plug(FULL);
    await start(FULL, false);
    await probe.done;
    probe.beat(0.9);
    const { source: told } = await unit.until('the fallback', (status) => status.source.why !== '');
    assert.match(String(told.why), /buffer is filled to 90%/);
    const asked = (): boolean => probe.commands.some(({ type, argument }) => type === 0x84 && argument === 1);
    await until('the probe is asked for headers', () => when(asked()));
    await unit.until('headers only', (status) => status.source.headerOnly === true);
    await unit.stop();
  });

  it('does not start where the port is not there, and says what to do', async () => {
    await assert.rejects(start(FULL, false), /serial port .*port: .*[Nn]o such file.*plug the probe in/);
  });

  it('H2 decode and stat listen to a probe until they are told to end', async () => {
    const probe = await plug(FULL);
    const child = processes.start(
      undefined,
      [process.execPath, MAIN, 'stat', '--json', `probe:${cable.port}`],
      ['ignore', 'pipe', 'inherit'],
    );
    // It has ended, and all that it said is here.
    const ended = once(child, 'close');
    let out = '';
    child.stdout?.on('data', (bytes: Buffer) => {
      out += bytes.toString();
    });
    await probe.done;
    const beats = probe.commands.length;
    child.kill('SIGINT');
    await until('the probe to be asked to stop', () =>
      when(probe.commands.slice(beats).some(({ type }) => type === 0x83)),
    );
    assert.deepEqual(await ended, [0, null]);
    const { capture, total } = JSON.parse(out) as {
      capture: { samples: boolean; frames: number };
      total: { commands: number };
    };
    assert.ok(capture.samples && capture.frames > 1000);
    const commands = (JSON.parse(readFileSync(join(shared, `${FULL}.truth.json`), 'utf8')) as { commands: unknown[] })
      .commands.length;
    // Its answer to STOP comes behind everything else.
    assert.equal(total.commands, commands);
  });

  it('H4 doctor tells who is plugged in, and what is wrong with a port', async () => {
    await plug(FULL);
    const nowhere = join(folder, 'nowhere');
    const { code, out } = await outcome(
      undefined,
      [process.execPath, MAIN, 'doctor', '--json', '--port', cable.port, nowhere],
      20_000,
    );
    assert.equal(code, 0);
    const { ports } = JSON.parse(out) as { ports: PortReport[] };
    assert.deepEqual(
      ports.map(({ port, probe, fault }) => [port, probe?.name, /no such file/i.test(fault?.message ?? '')]),
      [
        [cable.port, 'lab bus probe', false],
        [nowhere, undefined, true],
      ],
    );
  });
});
