import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { ControlServer } from '../../../hw/controlServer.ts';
import { NoAnswer } from '../../../hw/controlWire.ts';
import { UsageFault } from '../../../src/cli/errors.ts';
import { type WatchKeys, type WatchScreen, watchStatus } from '../../../src/cli/status-watch.ts';
import { until, when } from '../../live/kit/until.ts';
import { mirrorStatus, Shown, status } from './cases.ts';

const NOW = Date.parse('2026-01-01T00:01:00.000Z');

class Keys extends EventEmitter {
  isTTY = true;
  raw: boolean[] = [];
  setRawMode(raw: boolean): void {
    this.raw.push(raw);
  }
  resume(): void {}
  pause(): void {}
}

class Screen extends Shown {
  rows = 24;

  /** Lines of the last whole frame, without what a terminal obeys. */
  get frame(): string[] {
    const frames = this.text.split('\u001b[?2026h\u001b[H').slice(1);
    const last = frames.findLast((one) => one.includes('\u001b[?2026l')) ?? '';
    const [whole] = last.split('\u001b[J');
    return stripVTControlCharacters(whole).split('\r\n');
  }
}

describe('H1 status --watch', () => {
  let folder: string;
  let path: string;
  let server: ControlServer;
  let written: number;
  let now: number;

  const serve = async (): Promise<void> => {
    const answer = (): unknown => {
      const mirrors = [mirrorStatus({ writtenBytes: written, lag: { changes: 3, seconds: 2.25 } })];
      return status({}, { mirrors });
    };
    server = await ControlServer.open({ path, answer, failed: (error) => assert.fail(String(error)) });
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-watch-'));
    path = join(folder, 'control.sock');
    [written, now] = [0, NOW];
    await serve();
  });
  afterEach(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  const watching = (keys: Keys, screen: Screen, stops: (() => void)[] = []): Promise<void> =>
    watchStatus(path, 20, {
      stdin: keys as unknown as WatchKeys,
      stdout: screen as unknown as WatchScreen,
      env: {},
      nowMs: () => now,
      onStop: (stop) => {
        stops.push(stop);
        return () => stops.splice(0);
      },
      served: async () => [],
    });

  it('draws lag and rates on the other screen, and leaves everything as it was', async () => {
    const [keys, screen] = [new Keys(), new Screen(true)];
    const left = watching(keys, screen);
    await until('a frame', () => when(screen.frame.some((line) => line.includes('file:second.img'))));
    assert.match(screen.frame.join('\n'), /STATE .*LAG +WRITES +COMPARES/);
    assert.match(screen.frame.join('\n'), /equal .* 2\.3 s +- +-/);
    now += 1000;
    written += 3 * 2 ** 20;
    await until('a rate', () => when(/ 3(\.0+)? MiB\/s/.test(screen.frame.join('\n'))));
    keys.emit('data', Buffer.from('\u001b[A'));
    keys.emit('data', Buffer.from('x'));
    keys.emit('data', Buffer.from('q'));
    await left;
    assert.deepEqual(keys.raw, [true, false]);
    assert.ok(screen.text.startsWith('\u001b[?1049h\u001b[?25l\u001b[?7l'));
    assert.ok(screen.text.endsWith('\u001b[?7h\u001b[?25h\u001b[?1049l'));
    // Nothing is ever wiped before it is drawn over: that would flicker.
    assert.ok(!screen.text.includes('\u001b[2J'));
    assert.equal(keys.listenerCount('data') + screen.listenerCount('resize'), 0);
  });

  it('fits whatever size the terminal gets', async () => {
    const [keys, screen] = [new Keys(), new Screen(true)];
    const left = watching(keys, screen);
    await until('a frame', () => when(screen.frame.length > 5));
    screen.rows = 4;
    screen.emit('resize');
    assert.equal(screen.frame.length, 4);
    assert.match(screen.frame[3], /^\d+ more lines; q leaves$/);
    keys.emit('data', Buffer.from('\u0003'));
    await left;
  });

  it('waits for a unit that goes away, and goes on when it is back; ends when it is told to', async () => {
    const [keys, screen, stops] = [new Keys(), new Screen(true), [] as (() => void)[]];
    const left = watching(keys, screen, stops);
    await until('a frame', () => when(screen.frame.length > 5));
    await server.close();
    await until('it says so', () => when(/there is no control socket/.test(screen.frame.at(-1) ?? '')));
    assert.ok(screen.frame.some((line) => line.includes('file:second.img')));
    await serve();
    await until('it is back', () => when(screen.frame.at(-1) === 'q leaves'));
    stops[0]();
    await left;
  });

  it('is refused where there is no terminal, and fails at once where no unit answers', async () => {
    const piped = new Keys();
    piped.isTTY = false;
    await assert.rejects(watching(piped, new Screen(true)), UsageFault);
    await assert.rejects(watching(new Keys(), new Screen(false)), UsageFault);
    await server.close();
    const screen = new Screen(true);
    await assert.rejects(watching(new Keys(), screen), NoAnswer);
    assert.equal(screen.text, '');
    await serve();
  });
});
