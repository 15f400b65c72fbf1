import assert from 'node:assert/strict';
import type { DeviceOutcome, DeviceRequest, DeviceSteps, DeviceTask } from '../../../../src/base/device.ts';
import { Fault } from '../../../../src/base/fault.ts';
import type { ServedMedium } from '../../../../src/base/servedMedium.ts';
import type { TargetRun } from '../../../../src/iscsi/target/types.ts';
import { ServeLu } from '../../../../src/unit/serve/serveLu.ts';
import { ServePump } from '../../../../src/unit/serve/servePump.ts';

const BLOCK = 512;
const GOOD: DeviceOutcome = { status: 0 };

/** A medium in memory whose calls last until they are let go, or are done at once. */
class Medium implements ServedMedium {
  readonly bytes = 64 * BLOCK;
  readonly thin = true;
  readonly granularity = 4096;
  readonly contents = new Uint8Array(this.bytes);
  /** Calls under way; each is let go by its own function. */
  readonly open: { call: string; done: (fault?: Fault) => void }[] = [];
  slow = false;
  flushes = 0;

  #call(call: string, work: () => void): Promise<void> | undefined {
    if (!this.slow) {
      work();
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const done = (fault?: Fault): void => {
        if (fault !== undefined) reject(fault);
        else {
          work();
          resolve();
        }
      };
      this.open.push({ call, done });
    });
  }

  read(offset: number, into: Uint8Array): Promise<void> | undefined {
    return this.#call(`read ${offset}`, () => into.set(this.contents.subarray(offset, offset + into.length)));
  }

  write(pieces: Parameters<ServedMedium['write']>[0]): Promise<void> | undefined {
    return this.#call(`write ${pieces[0].offset}`, () => {
      for (const { offset, payload } of pieces) this.contents.set((payload as Uint8Array[])[0], offset);
    });
  }

  unmap(offset: number, length: number): Promise<void> | undefined {
    return this.#call(`unmap ${offset}`, () => this.contents.fill(0, offset, offset + length));
  }

  async flush(): Promise<void> {
    this.flushes++;
    await this.#call('flush', () => {});
  }

  mapped(offset: number, length: number): [number, number][] {
    return [[offset, length]];
  }

  onSizeChange(): void {}
  async close(): Promise<void> {}

  /** Lets the only call of that name go. */
  let(call: string, fault?: Fault): void {
    const at = this.open.findIndex((one) => one.call === call);
    assert.ok(at >= 0, `${call} is under way, not ${this.open.map((one) => one.call)}`);
    this.open.splice(at, 1)[0].done(fault);
  }

  get calls(): string[] {
    return this.open.map(({ call }) => call);
  }
}

const block = (n: number, fill: number): DeviceRequest => ({
  kind: 'write',
  pieces: [{ offset: n * BLOCK, length: BLOCK, payload: [new Uint8Array(BLOCK).fill(fill)] }],
  fua: false,
});
const read = (n: number): DeviceRequest => ({ kind: 'read', offset: n * BLOCK, length: BLOCK });
const hold = (n: number): DeviceRequest => ({ kind: 'hold', offset: n * BLOCK, length: BLOCK });

/** Lets everything that follows by promises alone happen. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('A5 the pump of a target', () => {
  let medium: Medium;
  let lu: ServeLu;
  let pump: ServePump;
  let broken: Fault[];
  let bugs: unknown[];

  beforeEach(() => {
    medium = new Medium();
    broken = [];
    bugs = [];
    const keep = async (): Promise<void> => {};
    lu = new ServeLu({ medium, dirtyBytes: 4 * BLOCK, keep, broken: (fault) => broken.push(fault) });
    pump = new ServePump({
      lu: (key) => (key === 7 ? lu : undefined),
      stopTasks: (_, then) => then(),
      bug: (error) => bugs.push(error),
    });
  });

  interface Watched extends TargetRun {
    ended: number;
    outcome: DeviceOutcome | undefined;
  }

  function start(steps: DeviceSteps, key: number | undefined = 7): Watched {
    const task: DeviceTask = { lu: key, takes: 0, run: () => steps, end: () => void run.ended++ };
    const run: Watched = {
      nexus: { id: 1, initiator: 'iqn.a', initiatorPort: 'iqn.a,i,0x1', targetPort: 1 },
      task,
      steps,
      context: undefined,
      ended: 0,
      outcome: undefined,
      done: (outcome) => {
        run.outcome = outcome ?? { status: -1 };
        assert.equal(run.ended, 1);
      },
    };
    pump.run(run);
    return run;
  }

  function* does(...requests: DeviceRequest[]): DeviceSteps {
    for (const request of requests) yield request;
    return GOOD;
  }

  it('runs what a medium does at once without a promise, and hands the bytes over', () => {
    start(does(block(3, 9)));
    let seen: number | undefined;
    const steps = function* (): DeviceSteps {
      const bytes = yield read(3);
      assert.ok(bytes instanceof Uint8Array && bytes.length === BLOCK);
      seen = bytes[BLOCK - 1];
      return { status: 0, dataIn: [bytes] };
    };
    const run = start(steps());
    assert.equal(seen, 9);
    assert.equal(run.outcome?.status, 0);
    assert.ok(pump.readBytes > 0);
    pump.released(run);
    assert.equal(pump.readBytes, 0);
    assert.equal(pump.running, 0);
  });

  it('makes writes that must be durable share a flush, and answers none before it', async () => {
    const fua = (n: number): DeviceRequest => ({ ...block(n, 1), fua: true }) as DeviceRequest;
    const runs = [1, 2, 3].map((n) => start(does(fua(n))));
    assert.ok(runs.every(({ outcome }) => outcome === undefined));
    await turn();
    assert.ok(runs.every(({ outcome }) => outcome === GOOD));
    assert.equal(medium.flushes, 1);
  });

  it('does not count a write to a flush that began before it', async () => {
    start(does(block(1, 1)));
    medium.slow = true;
    const first = start(does({ kind: 'flush' }));
    await turn();
    assert.deepEqual(medium.calls, ['flush']);
    medium.slow = false;
    const late = start(does({ ...block(2, 1), fua: true } as DeviceRequest));
    medium.slow = true;
    medium.let('flush');
    await turn();
    assert.equal(first.outcome, GOOD);
    assert.equal(late.outcome, undefined);
    medium.let('flush');
    await turn();
    assert.equal(late.outcome, GOOD);
  });

  it('begins a flush when much is not durable, and lets writers wait when it is too much', async () => {
    medium.slow = false;
    const runs = [0, 1].map((n) => start(does(block(n, 1))));
    await turn();
    assert.equal(medium.flushes, 0);
    runs.push(start(does(block(2, 1))));
    await turn();
    assert.equal(medium.flushes, 1);
    assert.equal(lu.dirtyBytes, 0);
    const more = [0, 1, 2, 3, 4, 5].map((n) => start(does(block(n, 1))));
    assert.deepEqual(
      more.map(({ outcome }) => outcome),
      [GOOD, GOOD, GOOD, GOOD, undefined, undefined],
    );
    await turn();
    assert.ok(more.every(({ outcome }) => outcome === GOOD));
  });

  it('writes nothing any more once a flush has failed', async () => {
    start(does(block(1, 1)));
    medium.slow = true;
    const told: unknown[] = [];
    const watching = function* (...requests: DeviceRequest[]): DeviceSteps {
      try {
        yield* does(...requests);
      } catch (error) {
        told.push(error);
      }
      return GOOD;
    };
    start(watching({ kind: 'flush' }));
    await turn();
    medium.let('flush', new Fault('local', 'EIO'));
    await turn();
    medium.slow = false;
    start(watching({ kind: 'flush' }));
    start(watching(block(1, 2)));
    start(watching(read(1)));
    await turn();
    assert.equal(told.length, 3);
    assert.match(String(told[2]), /after a flush failed: EIO/);
    assert.equal(medium.contents[BLOCK], 1);
    assert.equal(broken.length, 1);
  });

  it('keeps everybody else away from held bytes, in their turn (SBC-4 5.2)', async () => {
    medium.slow = true;
    const before = start(does(read(4)));
    const holder = start(does(hold(4), read(4), block(4, 2)));
    const reader = start(does(read(4)));
    const next = start(does(hold(4), block(4, 3)));
    const elsewhere = start(does(read(5)));
    assert.deepEqual(medium.calls, ['read 2048', 'read 2560']);
    medium.let('read 2048');
    await turn();
    assert.equal(before.outcome, GOOD);
    medium.let('read 2560');
    await turn();
    assert.equal(elsewhere.outcome, GOOD);
    assert.deepEqual(medium.calls, ['read 2048']);
    medium.let('read 2048');
    await turn();
    assert.deepEqual(medium.calls, ['write 2048']);
    medium.let('write 2048');
    await turn();
    assert.equal(holder.outcome, GOOD);
    assert.deepEqual(medium.calls, ['read 2048']);
    medium.let('read 2048');
    await turn();
    assert.equal(reader.outcome, GOOD);
    medium.let('write 2048');
    await turn();
    assert.equal(next.outcome, GOOD);
    assert.equal(medium.contents[4 * BLOCK], 3);
    assert.ok(lu.ranges.open);
  });

  it('ends steps that are stopped: at once where they only wait, else after the request under way', async () => {
    medium.slow = true;
    const left: string[] = [];
    const leaving = function* (name: string, ...requests: DeviceRequest[]): DeviceSteps {
      try {
        yield* does(...requests);
      } finally {
        left.push(name);
      }
      return GOOD;
    };
    const holder = start(leaving('holder', hold(1), block(1, 1)));
    const queued = start(leaving('queued', hold(1), block(1, 2)));
    const waits = start(leaving('waits', { kind: 'wait' }, block(1, 3)));
    const behind = start(leaving('behind', read(1)));
    for (const run of [queued, waits, holder]) pump.stop(run);
    assert.deepEqual(left, ['queued', 'waits']);
    assert.deepEqual([queued.outcome, waits.outcome], [{ status: -1 }, { status: -1 }]);
    assert.equal(holder.outcome, undefined);
    medium.let('write 512');
    await turn();
    assert.deepEqual(left, ['queued', 'waits', 'holder']);
    medium.let('read 512');
    await turn();
    assert.equal(behind.outcome, GOOD);
    assert.equal(pump.running, 0);
    assert.deepEqual(
      [holder, queued, waits, behind].map(({ ended }) => ended),
      [1, 1, 1, 1],
    );
  });

  it('lets steps go on that wait for others, whenever those do', async () => {
    medium.slow = true;
    let gate = false;
    const waiting = function* (): DeviceSteps {
      while (!gate) yield { kind: 'wait' };
      return GOOD;
    };
    const waits = [start(waiting()), start(waiting())];
    const other = start(does(read(1)));
    await turn();
    assert.equal(waits[0].outcome, undefined);
    gate = true;
    medium.let('read 512');
    await turn();
    assert.deepEqual(
      [other, ...waits].map(({ outcome }) => outcome),
      [GOOD, GOOD, GOOD],
    );
  });

  it('closes a logical unit behind what is under way, and lets nothing begin there any more', async () => {
    start(does(block(1, 1)));
    medium.slow = true;
    const told: unknown[] = [];
    const steps = function* (): DeviceSteps {
      try {
        yield* does(block(2, 2), block(3, 3));
      } catch (error) {
        told.push(error);
      }
      return GOOD;
    };
    const run = start(steps());
    let closed = false;
    const closing = lu.close().then(() => {
      closed = true;
    });
    await turn();
    assert.deepEqual([closed, medium.calls], [false, ['write 1024']]);
    medium.let('write 1024');
    await turn();
    assert.equal(run.outcome, GOOD);
    assert.match(String(told[0]), /no longer served/);
    assert.deepEqual(medium.calls, ['flush']);
    medium.let('flush');
    await closing;
    assert.deepEqual([medium.contents[1024], medium.contents[1536]], [2, 0]);
  });

  it('throws failures into the steps, and ends those that throw as an internal target failure', async () => {
    const told: unknown[] = [];
    const steps = function* (): DeviceSteps {
      try {
        yield { ...read(1), lu: 8 } as DeviceRequest;
      } catch (error) {
        told.push(error);
      }
      throw new Error('a mistake');
    };
    const run = start(steps());
    assert.match(String(told[0]), /no longer served/);
    assert.equal(run.outcome?.status, 2);
    assert.deepEqual([run.outcome?.sense?.[2], run.outcome?.sense?.[12]], [4, 0x44]);
    assert.match(String(bugs[0]), /a mistake/);
  });
});
