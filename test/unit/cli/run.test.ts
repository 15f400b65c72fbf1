import assert from 'node:assert/strict';
import { lstatSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askControl } from '../../../hw/controlClient.ts';
import { ControlServer } from '../../../hw/controlServer.ts';
import { Fault } from '../../../src/base/fault.ts';
import { type RunSeat, runUnit, type StopSignal } from '../../../src/cli/run.ts';
import type { LiveConfig } from '../../../src/unit/config/config.ts';
import { ConfigFault } from '../../../src/unit/config/configFault.ts';
import { Jobs } from '../../../src/unit/steer/jobs.ts';
import type { RunningUnit, StartHooks } from '../../../src/unit/watch/status.ts';
import { Shown, status } from './cases.ts';

let folder: string;
let config: string;
let control: string;

/** A unit in memory; `events` tells in order what was done to it. */
function memoryUnit(events: string[], changes: Partial<RunningUnit> = {}): RunningUnit {
  return {
    ready: 'tee 10.0.0.1:3262 -> 10.0.0.2:3260, 1 volume',
    status: () => status(),
    mark: () => Promise.reject(new Error('not asked for')),
    history: () => assert.fail('not asked for'),
    rewind: () => Promise.reject(new Error('not asked for')),
    promote: () => Promise.reject(new Error('not asked for')),
    demote: () => Promise.reject(new Error('not asked for')),
    open: () => Promise.reject(new Error('not asked for')),
    verify: () => Promise.reject(new Error('not asked for')),
    groupHistory: () => assert.fail('not asked for'),
    groupRewind: () => Promise.reject(new Error('not asked for')),
    explain: () => assert.fail('not asked for'),
    rollBack: () => Promise.reject(new Error('not asked for')),
    mirrors: { add: () => assert.fail('not asked for'), remove: () => assert.fail('not asked for') },
    get steer() {
      return assert.fail('not asked for');
    },
    running: new Jobs(),
    failed: new Promise(() => {}),
    drained: new Promise(() => {}),
    stop: async () => {
      events.push('stop');
    },
    ...changes,
  };
}

/** A seat that starts with `start`; `stop` is what a signal does. */
function seat(start: (config: LiveConfig, hooks: StartHooks) => Promise<RunningUnit>) {
  let stop: (signal: StopSignal) => void = () => {};
  let told: () => void = () => {};
  const ready = new Promise<void>((resolve) => {
    told = resolve;
  });
  const exits: number[] = [];
  const stdout = new Shown();
  const write = stdout._write.bind(stdout);
  stdout._write = (chunk, encoding, done) => {
    write(chunk, encoding, done);
    told();
  };
  const made = {
    stdout,
    stderr: new Shown(),
    env: {},
    start,
    onStop: (listener) => {
      stop = listener;
      return () => {
        stop = () => {};
      };
    },
    exit: (code) => exits.push(code),
  } satisfies RunSeat;
  return { ...made, exits, ready, stop: (signal: StopSignal = 'SIGTERM') => stop(signal) };
}

function lines(shown: Shown): Record<string, unknown>[] {
  return shown.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('H1 tapmirror run', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-run-'));
    config = join(folder, 'unit.json');
    control = join(folder, 'control.sock');
    const source = { tee: { listen: '127.0.0.1:14501', target: '127.0.0.1:14502' } };
    const volumes = [{ lu: 'iqn.2024-01.lab.example:1/1', mirrors: ['file:second.img'] }];
    await writeFile(config, JSON.stringify({ source, state: 'state', control: 'control.sock', volumes }));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  it('says ready once it is attached and answers, serves its control socket, and ends with 0 on SIGTERM', async () => {
    const events: string[] = [];
    const one = seat(async (given) => {
      events.push(`start ${given.control}`);
      return memoryUnit(events);
    });
    const ended = runUnit({ config }, one);
    await one.ready;
    assert.equal(one.stdout.text, 'ready: tee 10.0.0.1:3262 -> 10.0.0.2:3260, 1 volume\n');
    assert.deepEqual(await askControl(control, { do: 'status' }), status());
    await assert.rejects(askControl(control, { do: 'explode' }), /a unit cannot "explode"/);
    one.stop();
    assert.equal(await ended, 0);
    assert.deepEqual(events, [`start ${control}`, 'stop']);
    assert.throws(() => lstatSync(control), { code: 'ENOENT' });
    const messages = lines(one.stderr).map(({ level, message }) => `${level} ${message}`);
    assert.deepEqual(messages, ['info starting', 'info ready', 'info stopping', 'info stopped']);
  });

  it('tells how it stands while it stops, and ends at once on a second signal', async () => {
    const signals = [
      ['SIGTERM', 143],
      ['SIGINT', 130],
    ] as const;
    for (const [signal, code] of signals) {
      let finish: () => void = () => {};
      const stopping = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const one = seat(async () => memoryUnit([], { stop: () => stopping }));
      const ended = runUnit({ config }, one);
      await one.ready;
      one.stop(signal);
      assert.deepEqual(await askControl(control, { do: 'status' }), status());
      assert.deepEqual(one.exits, []);
      one.stop(signal);
      assert.deepEqual(one.exits, [code]);
      finish();
      assert.equal(await ended, 0);
    }
  });

  it('gives what is buffered a bounded time', async () => {
    let withinMs = 0;
    const one = seat(async () => {
      return memoryUnit([], {
        stop: async (options) => {
          withinMs = options.withinMs;
        },
      });
    });
    const ended = runUnit({ config }, one);
    await one.ready;
    one.stop();
    await ended;
    assert.ok(withinMs > 0 && withinMs < 60_000);
  });

  it('does not end with 0 when that time was too short, and says so', async () => {
    const fault = new Fault('local', 'file:second.img is 512 bytes behind', 'start the unit again');
    const one = seat(async () => memoryUnit([], { stop: () => Promise.reject(fault) }));
    const ended = runUnit({ config }, one);
    await one.ready;
    one.stop();
    await assert.rejects(ended, fault);
    assert.throws(() => lstatSync(control), { code: 'ENOENT' });
    assert.ok(!one.stderr.text.includes('"stopped"'));
  });

  it('may be given up while it starts', async () => {
    const one = seat(async (_config, { signal }) => {
      one.stop('SIGINT');
      signal?.throwIfAborted();
      assert.fail('not told');
    });
    assert.equal(await runUnit({ config }, one), 0);
    assert.equal(one.stdout.text, '');
    const events: string[] = [];
    const late = seat(async () => {
      late.stop();
      return memoryUnit(events);
    });
    assert.equal(await runUnit({ config }, late), 0);
    assert.deepEqual(events, ['stop']);
  });

  it('ends with the reason when the unit cannot go on, after it has been stopped', async () => {
    const events: string[] = [];
    const fault = new Fault('local', 'the interface is gone', 'plug it in');
    const one = seat(async () => memoryUnit(events, { failed: Promise.resolve(fault) }));
    await assert.rejects(runUnit({ config }, one), fault);
    assert.deepEqual(events, ['stop']);
    assert.equal(lines(one.stderr).at(-1)?.level, 'error');
    assert.throws(() => lstatSync(control), { code: 'ENOENT' });
  });

  it('ends with the reason when it cannot start', async () => {
    const fault = new Fault('local', 'no such interface');
    const one = seat(() => Promise.reject(fault));
    await assert.rejects(runUnit({ config }, one), fault);
    assert.equal(one.stdout.text, '');
  });

  it('begins nothing where a unit answers at the control socket already', async () => {
    const other = await ControlServer.open({
      path: control,
      answer: () => 0,
      failed: (error) => assert.fail(String(error)),
    });
    const one = seat(() => assert.fail('started'));
    await assert.rejects(runUnit({ config }, one), /a unit is running at the control socket/);
    assert.equal(await askControl(control, { do: 'x' }), 0);
    await other.close();
  });

  it('lets go of the bus when the control socket cannot be had after all', async () => {
    const events: string[] = [];
    const one = seat(async (given) => {
      await mkdir(given.control);
      return memoryUnit(events);
    });
    await assert.rejects(runUnit({ config }, one), /is there and is no socket/);
    assert.deepEqual(events, ['stop']);
    assert.equal(one.stdout.text, '');
    await rm(control, { recursive: true });
  });

  it('logs at the level that the configuration or the command line says', async () => {
    const one = seat(async (_config, { log }) => {
      log.debug('details');
      log.info('news');
      return memoryUnit([]);
    });
    const ended = runUnit({ config, log: 'error' }, one);
    await one.ready;
    one.stop();
    await ended;
    assert.equal(one.stderr.text, '');
  });

  it('does not begin with captures, or with mistakes', async () => {
    const path = join(folder, 'bad.json');
    const one = seat(() => assert.fail('started'));
    await writeFile(path, '{"source": {"replay": ["a"]}, "volumes": []}');
    await assert.rejects(runUnit({ config: path }, one), (error) => {
      return error instanceof ConfigFault && /tapmirror mirror --config FILE/.test(error.message);
    });
    await writeFile(path, '{}');
    await assert.rejects(runUnit({ config: path }, one), ConfigFault);
  });
});
