import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { MockBinding } from '@serialport/binding-mock';
import { type LiveProbe, openProbe, type ProbeOptions } from '../../../hw/probe.ts';
import { Probe } from '../../../parsers/bus/probeFrames.ts';
import { ProbeWriter } from '../../kit/probe.ts';
import { type Script, ScriptedProbe } from '../../kit/scriptedProbe.ts';
import { Record } from '../parsers/bus/record.ts';

const PORT = '/dev/probe-mock';
/** The mock's open port, as far as it is used. */
interface MockPort {
  isOpen: boolean;
  emitData(bytes: Buffer): void;
  write(bytes: Buffer): Promise<void>;
  read(into: Buffer, offset: number, length: number): Promise<unknown>;
}

/** A recording: HELLO, START's STATE, some samples, at the writer's 100 MHz. */
function recording(more: (writer: ProbeWriter) => void = () => {}): Uint8Array {
  const writer = new ProbeWriter();
  writer.hello();
  writer.state(1, 50);
  writer.samples(100, [1, 0x10, 0], [0x15]);
  more(writer);
  writer.samples(900, [0, 0, 0]);
  return writer.take();
}

describe('A4 a probe on a serial port (with the binding mock)', () => {
  let live: LiveProbe | undefined;
  let port: MockPort | undefined;
  let probe: ScriptedProbe | undefined;
  let record: Record;
  let notices: string[];
  let opened: number;
  let pull: () => void;
  /** Asked after everything that happened, so that no test sleeps. */
  let wakes: (() => void)[] = [];

  beforeEach(() => {
    MockBinding.reset();
    MockBinding.createPort(PORT, { echo: false, record: false });
    record = new Record();
    notices = [];
    opened = 0;
  });
  afterEach(async () => {
    probe?.stop();
    await live?.close();
    live = undefined;
    MockBinding.reset();
  });

  /** Resolves when `holds`; asked whenever bytes went either way, and at times for what time brings. */
  function until(what: string, holds: () => boolean, ms = 30_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = setTimeout(() => done(() => reject(new Error(`not in time: ${what}; ${notices.join('; ')}`))), ms);
      const every = setInterval(() => ask(), 5);
      const done = (then: () => void): void => {
        clearTimeout(end);
        clearInterval(every);
        wakes = wakes.filter((wake) => wake !== ask);
        then();
      };
      const ask = (): void => {
        if (holds()) done(resolve);
      };
      wakes.push(ask);
      ask();
    });
  }

  /** Opens the mock's port with a scripted probe behind it. */
  async function start(
    stream: Uint8Array,
    script: Script = {},
    options: Partial<ProbeOptions> = {},
  ): Promise<LiveProbe> {
    behave(stream, script);
    const binding = {
      list: () => MockBinding.list(),
      open: async (how: { path: string; baudRate: number }) => {
        const mock = (await MockBinding.open(how)) as MockPort;
        opened++;
        port = mock;
        const read = mock.read.bind(mock);
        const pulled = new Promise<never>((_, reject) => {
          pull = () => reject(new Error('EIO: the cable was pulled'));
        });
        pulled.catch(() => {});
        mock.read = (into, offset, length) => Promise.race([read(into, offset, length), pulled]);
        const write = mock.write.bind(mock);
        mock.write = async (bytes) => {
          await write(bytes);
          probe?.receive(bytes);
          for (const wake of [...wakes]) wake();
        };
        return mock;
      },
    };
    live = await openProbe(
      {
        port: PORT,
        binding,
        notice: (text) => notices.push(text),
        // A busy machine may hold this process up for long: only who waits for one of these shortens it.
        repeatMs: 10_000,
        silentMs: 20_000,
        retryMs: 20,
        quietMs: 100,
        ...options,
      },
      record,
    );
    return live;
  }

  /** What the probe says while nobody has the port open is lost. */
  const tell = (bytes: Uint8Array): void => {
    if (port?.isOpen) port.emitData(Buffer.from(bytes));
  };

  function behave(stream: Uint8Array, script: Script = {}): void {
    probe?.stop();
    probe = new ScriptedProbe(stream, tell, { rate: 1e6, ...script });
  }

  const asked = (): number[] => probe?.commands.map(({ type }) => type) ?? [];
  const PLAYED = ['500 0 0 0', '1000 1 10 0', '1010 100001 10 0', '9000 0 0 0'];

  it('asks for HELLO, then START, and pushes the samples', async () => {
    const { status } = await start(recording());
    assert.equal(status.state, 'asking');
    await until('the samples', () => record.events.length === 4);
    assert.deepEqual(record.events, PLAYED);
    assert.deepEqual(asked().slice(0, 2), [Probe.ASK_HELLO, Probe.START]);
    assert.deepEqual(record.facts, [{ width: 8, parity: true, timed: true }]);
    assert.deepEqual(
      [live?.status.state, live?.status.hello?.name, live?.status.headerOnly],
      ['capturing', 'a probe', false],
    );
  });

  it('repeats commands that are not answered, with a new seq', async () => {
    await start(recording(), { deaf: 2 }, { repeatMs: 30 });
    await until('the samples', () => record.events.length === 4);
    const first = probe?.commands.slice(0, 3) ?? [];
    assert.deepEqual(
      first.map(({ type, seq }) => [type, seq]),
      [0, 1, 2].map((seq) => [Probe.ASK_HELLO, seq]),
    );
  });

  it('ends the capture and takes what the probe still sends when it is closed', async () => {
    await start(recording());
    await until('the samples', () => record.events.length === 4);
    await live?.close();
    assert.equal(asked().at(-1), Probe.STOP);
    assert.equal(live?.status.state, 'closed');
  });

  it('opens a port again that was pulled: a hole until the probe tells the lines anew', async () => {
    await start(recording(), {}, { repeatMs: 100 });
    await until('the samples', () => record.events.length === 4);
    behave(recording(), {});
    pull();
    await until('the samples anew', () => record.events.length > 5);
    assert.equal(opened, 2);
    assert.equal(live?.status.reopened, 1);
    // The same boot: its time ran on, in the recording it ran back.
    assert.match(record.events[4], /^hole 9000-\d+ the port is gone/);
    assert.match(notices.join('\n'), /the port is gone .*it is waited for/);
  });

  it('waits for a port that is away, and says so once', async () => {
    await start(recording(), {}, { repeatMs: 100 });
    await until('the samples', () => record.events.length === 4);
    behave(recording(), { boot: 2 });
    MockBinding.reset();
    pull();
    await until('a notice', () => notices.some((text) => text.includes('tried again')));
    const before = live?.status.counts.packets;
    await until('several tries', () => opened === 1 && notices.length > 0, 100);
    assert.equal(live?.status.state, 'away');
    MockBinding.createPort(PORT, { echo: false, record: false });
    await until(
      'the probe again',
      () => (live?.status.counts.packets ?? 0) > (before ?? 0) && record.events.length > 7,
    );
    assert.equal(notices.filter((text) => text.includes('tried again')).length, 1);
    // Restarted: the hole is a second long at least.
    const [from, to] = (/^hole (\d+)-(\d+)/.exec(record.events[4]) ?? []).slice(1).map(Number);
    assert.ok(to - from >= 1e9, record.events[4]);
  });

  it('opens the port again when no packet came for a while', async () => {
    await start(recording(), {}, { silentMs: 200 });
    await until('the samples', () => record.events.length >= 4);
    await until('the port opened again', () => opened > 1);
    assert.match(notices.join('\n'), /no packet came for 0\.2 s/);
    await until('HELLO asked again', () => asked().filter((type) => type === Probe.ASK_HELLO).length > 1);
  });

  it('reads what came while this process stood still before it takes the probe for silent', async () => {
    await start(recording(), { beats: true }, { silentMs: 500 });
    await until('the samples', () => record.events.length === 4);
    const packets = (): number => live?.status.counts.packets ?? 0;
    probe?.stop();
    const before = packets();
    await new Promise<void>((resolve) => {
      setTimeout(() => {
        // What waits at a port is read after the timers that are due, and the time for silence is over by then.
        setImmediate(() => probe?.beat());
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
        resolve();
      }, 0);
    });
    await until('the heartbeat', () => packets() > before);
    assert.deepEqual([opened, live?.status.state], [1, 'capturing']);
    assert.doesNotMatch(notices.join('\n'), /no packet came/);
  });

  it('starts a probe that restarted by itself', async () => {
    await start(recording());
    await until('the samples', () => record.events.length === 4);
    probe?.greet(7);
    await until('START again', () => asked().filter((type) => type === Probe.START).length === 2);
    assert.match(notices.join('\n'), /restarted/);
  });

  it('starts a capture again that ended by itself', async () => {
    await start(recording((writer) => writer.state(3, 500)));
    await until('START again', () => asked().filter((type) => type === Probe.START).length === 2);
  });

  it('falls back to headers when the line cannot carry the data, and back when it is quiet', async () => {
    await start(recording((writer) => writer.overflow(110, 200)));
    await until('the fallback', () => asked().includes(Probe.MODE));
    assert.equal(probe?.commands.at(-1)?.argument, 1);
    assert.match(live?.status.why ?? '', /too slow/);
    assert.match(notices.join('\n'), /headers only/);
    // An empty buffer, in header-only mode.
    const heartbeat = new Uint8Array(23);
    heartbeat[22] = 1;
    const beat = setInterval(() => probe?.packet(Probe.HEARTBEAT, heartbeat), 10);
    try {
      await until('data again', () => asked().filter((type) => type === Probe.MODE).length > 1);
    } finally {
      clearInterval(beat);
    }
    assert.equal(probe?.commands.findLast(({ type }) => type === Probe.MODE)?.argument, 0);
    assert.equal(live?.status.headerOnly, true);
    assert.equal(live?.status.why, '');
    assert.match(notices.join('\n'), /sends data again/);
  });

  it('keeps to the mode that was configured', async () => {
    await start(
      recording((writer) => writer.overflow(110, 200)),
      {},
      { mode: 'header-only' },
    );
    await until('the samples', () => record.events.length > 4);
    assert.deepEqual(
      probe?.commands.map(({ argument }) => argument),
      [undefined, 1],
    );
  });

  it('refuses a probe of another version, and says so', async () => {
    const writer = new ProbeWriter();
    writer.hello({ major: 2 });
    const probeOf = await start(writer.take());
    const fault = await probeOf.failed;
    assert.match(fault.message, /version 2/);
    assert.equal(fault.blame, 'peer');
    assert.equal(probeOf.status.state, 'refused');
  });

  it('reads through garbage on the line', async () => {
    const noisy = Buffer.concat([Buffer.alloc(5000, 0x41), recording()]);
    await start(noisy);
    await until('the samples', () => record.events.length === 4);
    assert.deepEqual(record.events, PLAYED);
  });

  for (const name of ['@serialport/stream', '@serialport/bindings-cpp']) {
    it(`says what to install where ${name} is not there`, () => {
      const hooks = `export const resolve = (name, context, next) => {
        if (name === ${JSON.stringify(name)}) throw new Error('not found');
        return next(name, context);
      };`;
      const main = `
        const { register } = await import('node:module');
        register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));
        const { openProbe } = await import(${JSON.stringify(new URL('../../../hw/probe.js', import.meta.url).href)});
        await openProbe({ port: '/dev/null' }, {}).catch(({ message, mend }) => console.log(message + '; ' + mend));`;
      const child = spawnSync(process.execPath, ['--input-type=module', '-e', main], { encoding: 'utf8' });
      const pattern = name.replace('/', '\\/');
      assert.match(
        child.stdout,
        new RegExp(`optional package .${pattern}. is not installed.*; run .npm ci. again`),
        child.stderr,
      );
    });
  }

  it('rejects with a mend when the port is not there', async () => {
    MockBinding.reset();
    await assert.rejects(start(recording()), (error: Error & { mend?: string }) => {
      assert.match(error.message, /serial port \/dev\/probe-mock/);
      assert.ok((error.mend ?? '').length > 0);
      return true;
    });
  });
});
