import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MirrorSeat, runMirror } from '../../../src/cli/mirror.ts';
import { mirroringWords, ProgressLine } from '../../../src/cli/progress.ts';
import { ConfigFault } from '../../../src/unit/config/configFault.ts';
import type { Progress, ReplayHooks, UnitReport } from '../../../src/unit/replay/report.ts';
import { report, Shown } from './cases.ts';

const PLAIN = { width: 100, tty: false, colour: false, unicode: false };
const STEP: Progress = { phase: 'replay', position: 1 << 20, total: 4 << 20, commands: 1200, changes: 34 };

let folder: string;
let config: string;

/** A seat whose replay is `replay`; `stop` is what a SIGINT does. */
function seat(replay: (hooks: ReplayHooks, stop: () => void) => Promise<UnitReport>, tty = false) {
  let stop = () => {};
  const exits: number[] = [];
  const made = {
    stdout: new Shown(),
    stderr: new Shown(tty),
    env: {},
    replay: (_config, hooks) => replay(hooks, () => stop()),
    onStop: (listener) => {
      stop = listener;
      return () => {
        stop = () => {};
      };
    },
    exit: (code) => exits.push(code),
  } satisfies MirrorSeat;
  return { ...made, exits };
}

describe('H1 tapmirror mirror', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-mirror-'));
    config = join(folder, 'unit.json');
    const volumes = [{ lu: 'iqn.2024-01.lab.example:1/1', mirrors: ['file:second.img'] }];
    await writeFile(config, JSON.stringify({ source: { replay: ['bus.pcap'] }, volumes }));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  it('prints the report as one JSON object, and nothing else', async () => {
    const one = seat(async () => report({}, { unresolved: [[7, 1]] }));
    assert.equal(await runMirror({ config, json: true }, one), 3);
    assert.deepEqual(JSON.parse(one.stdout.text), report({}, { unresolved: [[7, 1]] }));
    assert.equal(one.stdout.text.split('\n').length, 2);
    assert.equal(one.stderr.text, '');
  });

  it('prints the readable report otherwise', async () => {
    const one = seat(async () => report());
    assert.equal(await runMirror({ config }, one), 0);
    assert.match(one.stdout.text, /Every mirror equals its volume/);
  });

  it('shows progress on a terminal, and leaves it clean', async () => {
    const run = async (hooks: ReplayHooks) => {
      hooks.progress?.(STEP);
      return report();
    };
    const terminal = seat(run, true);
    await runMirror({ config, json: true }, terminal);
    assert.match(terminal.stderr.text, /25%.*1,200 commands, 34 changes/);
    assert.ok(terminal.stderr.text.endsWith('\r\u001b[K'));
    const pipe = seat(run);
    await runMirror({ config, json: true }, pipe);
    assert.equal(pipe.stderr.text, '');
  });

  it('a first SIGINT ends with the report so far, a second one at once', async () => {
    const one = seat(async (hooks, stop) => {
      stop();
      assert.equal(hooks.signal?.aborted, true);
      assert.deepEqual(one.exits, []);
      stop();
      return report({ interrupted: true });
    });
    assert.equal(await runMirror({ config, json: true }, one), 3);
    assert.equal(JSON.parse(one.stdout.text).interrupted, true);
    assert.deepEqual(one.exits, [130]);
  });

  it('logs structured lines when asked to', async () => {
    const one = seat(async (hooks) => {
      hooks.notice?.('an unknown command');
      return report();
    });
    await runMirror({ config, json: true, log: 'warn' }, one);
    const lines = one.stderr.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(lines.length, 1);
    assert.equal(lines[0].level, 'warn');
    assert.equal(lines[0].message, 'an unknown command');
    assert.ok(!Number.isNaN(Date.parse(lines[0].timestamp)));
  });

  it('does not begin with a configuration that has mistakes', async () => {
    const path = join(folder, 'bad.json');
    await writeFile(path, '{}');
    const one = seat(() => assert.fail('replayed'));
    await assert.rejects(runMirror({ config: path }, one), ConfigFault);
  });
});

describe('H1 the progress of a mirroring run', () => {
  it('redraws at most ten times a second, and at once in a new phase', () => {
    let drawn = 0;
    const line = new ProgressLine(
      (text) => {
        if (text.trim() !== '') drawn++;
      },
      PLAIN,
      mirroringWords,
    );
    for (let now = 0; now < 1000; now++) line.show(STEP, now);
    assert.equal(drawn, 10);
    line.show({ ...STEP, phase: 'resolve' }, 1000);
    line.show({ ...STEP, phase: 'replay' }, 1001);
    assert.equal(drawn, 12);
  });

  it('gives no share of a total that is unknown', () => {
    assert.equal(mirroringWords({ ...STEP, total: 0 }, PLAIN), 'replaying 1 MiB, 1,200 commands, 34 changes');
    assert.match(mirroringWords(STEP, PLAIN), /^\[#{6} {18}\] {2}25% replaying 1 MiB/);
    assert.match(mirroringWords({ ...STEP, phase: 'resolve' }, PLAIN), /resolving 1 MiB, read back$/);
  });
});
