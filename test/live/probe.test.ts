import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { identifyProbe, type LiveProbe, openProbe, type ProbeOptions } from '../../hw/probe.ts';
import { openTrace } from '../../hw/traceFile.ts';
import { sharedFolder } from '../shared.ts';
import { Record } from '../unit/parsers/bus/record.ts';
import { Cable } from './kit/cable.ts';
import { Processes } from './kit/processes.ts';
import { until, when } from './kit/until.ts';

const TRACES = ['p01-probe-full', 'p02-probe-header', 'p03-probe-modes', 'p04-probe-wide'];
/** Packets of the first trace, in the midst of it. */
const MIDST = 200;

/** Why these tests cannot run here; undefined when they can. */
function lack(): string | undefined {
  if (process.platform !== 'linux') return 'this is not Linux';
  const missing = ['socat', 'setpriv'].filter((name) => spawnSync(name, ['--version']).error !== undefined);
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  if (sharedFolder() === undefined) return '../shared is not there';
  return undefined;
}

describe('live: a probe on a serial port (socat, the real binding)', function () {
  this.timeout(180_000);
  const processes = new Processes();
  let folder: string;
  let cable: Cable;
  let live: LiveProbe | undefined;
  let record: Record;
  let notices: string[];

  before(function () {
    const why = lack();
    if (why !== undefined) {
      if (process.env.TAPMIRROR_LIVE === 'required') assert.fail(`this live test cannot run: ${why}`);
      console.log(`      skipped: ${why}`);
      this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), 'tapmirror-probe-'));
  });
  beforeEach(() => {
    record = new Record();
    notices = [];
    cable = new Cable(join(folder, 'port'), processes);
  });
  afterEach(async () => {
    await live?.close();
    live = undefined;
    await cable.pull();
  });
  after(async () => {
    await processes.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const path = (name: string): string => join(sharedFolder() ?? '', 'bus', `${name}.probe.gz`);
  const stream = (name: string): Uint8Array => gunzipSync(readFileSync(path(name)));

  async function fromFile(name: string): Promise<Record> {
    const wanted = new Record();
    const trace = await openTrace(path(name));
    while (await trace.pump(wanted));
    return wanted;
  }

  async function open(options: Partial<ProbeOptions> = {}): Promise<LiveProbe> {
    live = await openProbe({ port: cable.port, notice: (text) => notices.push(text), ...options }, record);
    return live;
  }

  const instead = (): string => JSON.stringify({ notices, ...live?.status, events: record.events.length });

  for (const name of TRACES) {
    it(`gives the same for ${name} at 3 Mbaud as for its file`, async () => {
      const wanted = await fromFile(name);
      const probe = await cable.plug(stream(name));
      await open();
      await probe.done;
      await until('all of it', () => when(record.events.length >= wanted.events.length), { instead });
      assert.deepEqual(record.facts, wanted.facts);
      assert.deepEqual(record.events, wanted.events);
    });
  }

  it('comes back to a cable that was pulled and put back, with a hole between', async () => {
    const wanted = await fromFile(TRACES[0]);
    // There is more to come when the cable is pulled, however late that is.
    const probe = await cable.plug(stream(TRACES[0]), { upTo: MIDST, beats: true });
    await open({ retryMs: 50 });
    await until('some samples', () => when(record.events.length > 1000), { instead });
    await cable.pull();
    await until('the loss seen', () => when(live?.status.state === 'away'), { instead });
    const before = record.events.length;
    // The same probe goes on: samples of a later time, with the numbers that belong to them.
    const again = await cable.plug(stream(TRACES[0]), { start: probe.at + 20, seq: probe.seq + 20 });
    await again.done;
    await until('the end', () => when(record.events.at(-1) === wanted.events.at(-1)), { instead });
    assert.match(record.events[before], /^hole \d+-\d+ the port is gone/);
    const rest = record.events.slice(before + 1);
    assert.ok(rest.length > 1000);
    assert.deepEqual(rest, wanted.events.slice(-rest.length));
    assert.deepEqual(record.events.slice(0, before), wanted.events.slice(0, before));
    assert.equal(live?.status.reopened, 1);
  });

  it('takes a probe that restarted meanwhile for another time', async () => {
    await cable.plug(stream(TRACES[1]));
    await open({ retryMs: 50 });
    await until('some samples', () => when(record.events.length > 1000), { instead });
    await cable.pull();
    await until('the loss seen', () => when(live?.status.state === 'away'), { instead });
    const before = record.events.length;
    const again = await cable.plug(stream(TRACES[1]), { boot: 99 });
    await again.done;
    await until('samples again', () => when(record.events.length > before + 1000), { instead });
    const [from, to] = (/^hole (\d+)-(\d+)/.exec(record.events[before]) ?? []).slice(1).map(Number);
    assert.ok(to - from >= 1e9, record.events[before]);
    assert.equal(live?.status.counts.restarts, 1);
  });

  it('reads through garbage on the line, and loses no sample', async () => {
    const wanted = await fromFile(TRACES[0]);
    const probe = await cable.plug(stream(TRACES[0]));
    cable.write(Buffer.alloc(10_000, 0x5a));
    await open();
    // The probe ends noise before each of its packets with a zero.
    const noise = setInterval(() => cable.write(Buffer.from([0x11, 0x22, 0x13, 0x00, 0xff])), 20);
    try {
      await probe.done;
      await until('all of it', () => when(record.events.length >= wanted.events.length), { instead });
    } finally {
      clearInterval(noise);
    }
    assert.deepEqual(record.events, wanted.events);
    assert.ok((live?.status.counts.badFrames ?? 0) > 0);
  });

  it('asks again when nothing was answered, and opens the port again when nothing comes', async () => {
    const probe = await cable.plug(stream(TRACES[1]), { deaf: 3 });
    await open({ silentMs: 800 });
    await until('samples', () => when(record.events.length > 0), { instead });
    assert.ok(probe.commands.length >= 4);
    await probe.done;
    await until('the port opened again', () => when((live?.status.reopened ?? 0) > 0), { instead });
    assert.match(notices.join('\n'), /no packet came for 0\.8 s/);
  });

  it('says who is plugged in, or that nobody answers', async () => {
    await cable.plug(stream(TRACES[0]), { deaf: 1 });
    const hello = await identifyProbe({ port: cable.port });
    assert.deepEqual([hello?.name, hello?.firmware, hello?.width], ['lab bus probe', '1.0', 8]);
    await cable.pull();
    await cable.plug(stream(TRACES[0]), { deaf: 99 });
    assert.equal(await identifyProbe({ port: cable.port }, 200), undefined);
  });

  it('says what to do about a port that is not there', async () => {
    await assert.rejects(openProbe({ port: join(folder, 'nothing') }, record), (error: Error & { mend?: string }) => {
      assert.match(error.message, /serial port .*nothing: .*no such file/i);
      assert.match(error.mend ?? '', /plug the probe in/);
      return true;
    });
  });
});
