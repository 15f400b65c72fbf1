import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as moment } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { LinkKeys } from '../../src/unit/link/journeyTypes.ts';
import { freePort } from '../kit/freePort.ts';
import { Authority } from '../kit/journey.ts';
import { random as randomOf } from '../sim/random.ts';
import { BLOCK, BLOCKS, type ChildNews, Places } from './journeyChild.ts';

/** Kills, of either end about as often; one run again: TAPMIRROR_KILLS_SEED. */
const KILLS = Number(process.env.TAPMIRROR_KILLS ?? 4);
const SEED = Number(process.env.TAPMIRROR_KILLS_SEED ?? 1 + Math.floor(Math.random() * 1e9));
const LAUNCH = fileURLToPath(new URL('../../src/cli/launch.cjs', import.meta.url));
const WAIT_MS = 60_000;
const LATEST_MS = 400;

/** Numbers of the writes of two seeds are so far apart. */
const NUMBERS = 1 << 20;

/** What was written, block by block, and which of it was called durable. */
class Model {
  /** Numbers of the writes of each block, ascending. */
  readonly #writes: number[][] = Array.from({ length: BLOCKS }, () => [0]);
  readonly #acked = new Array<number>(BLOCKS).fill(0);
  readonly #blocks = new Map<number, { block: number; blocks: number }>();
  #places = new Places(1);
  #made = 0;
  durable = 0;

  /** The first number of the next seed. */
  get next(): number {
    return Math.ceil((this.#made + 1) / NUMBERS) * NUMBERS + 1;
  }

  /** The numbers of the next writes, whose places are those of `seed`, begin here. */
  begin(seed: number): number {
    this.#places = new Places(seed);
    this.#made = this.next - 1;
    return this.#made + 1;
  }

  acked(number: number): void {
    this.durable++;
    this.#make(number);
    const { block, blocks } = this.#blocks.get(number) ?? assert.fail(`write ${number} was never made`);
    for (let n = block; n < block + blocks; n++) this.#acked[n] = Math.max(this.#acked[n], number);
  }

  /** The far volume holds what was durable, or something newer, and all of it of one moment: up to `last` where that is known. */
  check(held: readonly number[], last?: number): void {
    const newest = last ?? Math.max(...held, ...this.#acked);
    this.#make(newest);
    held.forEach((number, n) => {
      const due = this.#writes[n].findLast((one) => one <= newest);
      assert.equal(number, due, `block ${n} is not of the moment of write ${newest}; ${this.#acked[n]} was durable`);
    });
  }

  /**
   * The same for a store that knows that it may be no moment: it holds what was durable, or something newer. What else was
   * written to it has not been, and will not be.
   */
  checkEach(held: readonly number[]): void {
    this.#make(Math.max(...held, ...this.#acked));
    held.forEach((number, n) => {
      assert.ok(this.#writes[n].includes(number), `block ${n} holds ${number}, which was never written there`);
      assert.ok(number >= this.#acked[n], `block ${n} holds ${number}, and ${this.#acked[n]} was durable`);
      this.#writes[n] = this.#writes[n].filter((one) => one <= number);
    });
  }

  #make(last: number): void {
    assert.ok(last < this.#made + NUMBERS, `write ${last} was never made`);
    while (this.#made < last) {
      const { block, blocks } = this.#places.next();
      this.#made++;
      this.#blocks.set(this.#made, { block, blocks });
      for (let n = block; n < block + blocks; n++) this.#writes[n].push(this.#made);
    }
  }
}

describe('D1 C6 a link between two processes that are killed', function () {
  this.timeout(60_000 + KILLS * 10_000);
  let folder: string;
  let port: number;
  let keys: { near: LinkKeys; far: LinkKeys };
  let far: ChildProcess;
  let near: ChildProcess | undefined;
  const below = randomOf(SEED);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tapmirror-link-kills-'));
    const authority = await Authority.make();
    keys = { near: await authority.unit('near'), far: await authority.unit('far') };
    // Nobody listens there while the far end is killed and comes back.
    port = await freePort();
  });

  afterEach(() => {
    far.kill('SIGKILL');
    near?.kill('SIGKILL');
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  const place = (name: string, history: boolean): string => {
    const own = join(folder, name);
    mkdirSync(own);
    for (const part of ['ca', 'cert', 'key'] as const) writeFileSync(join(own, part), keys.far[part], { mode: 0o600 });
    writeFileSync(join(own, 'far.img'), '');
    truncateSync(join(own, 'far.img'), BLOCK * BLOCKS);
    const past = history ? { history: { window: '2s', bytes: '4MiB' } } : {};
    const config = {
      receive: { listen: `127.0.0.1:${port}` },
      tls: { ca: 'ca', cert: 'cert', key: 'key' },
      state: 'state',
      volumes: [{ name: 'vol1', mirrors: ['file:far.img'], ...past }],
    };
    writeFileSync(join(own, 'far.json'), JSON.stringify(config));
    return join(own, 'far.json');
  };

  const startFar = async (config: string): Promise<void> => {
    far = spawn(process.execPath, [LAUNCH, 'receive', '--config', config], { stdio: ['ignore', 'pipe', 'ignore'] });
    assert.ok(far.stdout);
    const lines = createInterface(far.stdout);
    const line = await Promise.race([once(lines, 'line'), once(far, 'exit')]);
    assert.match(String(line[0]), /^ready:/);
  };

  const startNear = (first: number, seed: number, news: (one: ChildNews) => void): void => {
    near = fork(fileURLToPath(new URL('./journeyChild.js', import.meta.url)));
    near.on('message', news);
    near.send({ port, keys: keys.near, first, seed });
  };

  const kill = async (child: ChildProcess): Promise<void> => {
    // What it said before has been heard then.
    const over = Promise.all([once(child, 'exit'), child.connected ? once(child, 'disconnect') : undefined]);
    child.kill('SIGKILL');
    await over;
  };

  for (const history of [true, false]) {
    it(`has lost nothing that was durable, ${history ? 'with' : 'without'} a history (seed ${SEED})`, async () => {
      const config = place(history ? 'past' : 'plain', history);
      await startFar(config);
      const model = new Model();
      let settle = (_: ChildNews | undefined): void => undefined;
      let failed: ChildNews | undefined;
      let durable = (): void => undefined;
      const some = new Promise<void>((resolve) => {
        durable = resolve;
      });
      const news = (one: ChildNews): void => {
        if (one.kind === 'durable') {
          model.acked(one.number);
          durable();
          return;
        }
        if (one.kind === 'failed') failed ??= one;
        settle(one);
      };
      /** What the near end says next of the far volume; asked before it can say it. */
      const next = async (): Promise<ChildNews> => {
        const late = setTimeout(() => settle(undefined), WAIT_MS);
        const one = await new Promise<ChildNews | undefined>((resolve) => {
          settle = resolve;
          if (failed) resolve(failed);
        });
        clearTimeout(late);
        return one ?? assert.fail('the near end does not answer');
      };
      const held = async (coming: Promise<ChildNews>): Promise<{ numbers: number[]; last?: number }> => {
        const one = await coming;
        return one.kind === 'held' ? one : assert.fail(one.kind === 'failed' ? one.message : one.kind);
      };
      /** Another process at the near end; `check` sees what it finds. */
      const anew = async (check: (numbers: readonly number[]) => void): Promise<void> => {
        failed = undefined;
        const seed = 1 + below(1 << 30);
        const first = model.next;
        const coming = next();
        startNear(first, seed, news);
        check((await held(coming)).numbers);
        assert.equal(model.begin(seed), first);
      };
      await anew((numbers) => model.check(numbers));
      let others = 0;
      for (let n = 0; n < KILLS / 2; n++) {
        // A moment of the run, not something that is waited for.
        await moment(below(LATEST_MS));
        const nearEnd = near as ChildProcess;
        if (below(2) === 0) {
          await kill(nearEnd);
          await anew((numbers) => model.check(numbers));
          continue;
        }
        await kill(far);
        await startFar(config);
        await moment(below(LATEST_MS));
        const coming = next();
        nearEnd.send('what is held?');
        const one = await coming;
        if (!history && one.kind === 'failed' && /keeps another volume now/.test(one.message)) {
          // It had applied something of a new sender, and nothing of that was durable: it is to be compared whole.
          others++;
          await kill(nearEnd);
          await anew((numbers) => model.checkEach(numbers));
          continue;
        }
        const { numbers, last } = await held(coming);
        model.check(numbers, last);
        const seed = 1 + below(1 << 30);
        nearEnd.send({ first: model.begin(seed), seed });
      }
      // Both ends may have been killed before anything was: the near end that writes now is not.
      await some;
      assert.ok(model.durable > 0);
      if (process.env.TAPMIRROR_KILLS) console.log(`${model.durable} durable, ${others} times another store`);
    });
  }
});
