import assert from 'node:assert/strict';
import fc from 'fast-check';
import { atOnce, StatusGate } from '../../../src/gate/statusGate.ts';
import { Gathered } from './outlet.ts';

/** Promises that a test resolves in the order it likes. */
class Promised {
  readonly resolve: (() => void)[] = [];
  readonly reject: ((why: Error) => void)[] = [];

  readonly policy = (): Promise<void> =>
    new Promise((resolve, reject) => {
      this.resolve.push(resolve);
      this.reject.push(reject);
    });
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function numbered(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (from + i) & 0xff);
}

describe('A3 the gate for statuses', () => {
  it('at once: nothing waits', () => {
    const gate = new StatusGate(atOnce);
    const lane = gate.lane(new Gathered());
    lane.status('lu', 0, 1, 0);
    assert.equal(lane.clear, true);
    assert.equal(gate.held, 0);
  });

  it('holds a status and all behind it until the policy lets it go, and nothing before it', async () => {
    let synced = (): void => {};
    const asked: string[] = [];
    const gate = new StatusGate((lu) => {
      asked.push(lu);
      return new Promise((resolve) => {
        synced = resolve;
      });
    });
    const out = new Gathered();
    const lane = gate.lane(out);
    lane.status('a', 0, 1, 100);
    assert.equal(lane.clear, false);
    lane.pass(numbered(300), 0, 300);
    assert.deepEqual(out.bytes, numbered(100));
    lane.pass(numbered(50, 300), 0, 50);
    assert.equal(gate.holding, 1);
    synced();
    await turn();
    assert.deepEqual(out.bytes, numbered(350));
    assert.equal(lane.clear, true);
    assert.equal(gate.holding, 0);
    assert.deepEqual(asked, ['a']);
  });

  it('keeps the target’s order whatever order the promises have (RFC 7143 section 4.2.2.2)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ gap: fc.integer({ min: 0, max: 9 }), size: fc.integer({ min: 1, max: 60 }) }), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 20 }),
        fc.infiniteStream(fc.nat()),
        async (statuses, cuts, picks) => {
          const promised = new Promised();
          const gate = new StatusGate(promised.policy);
          const out = new Gathered();
          const lane = gate.lane(out);
          const starts: number[] = [];
          let total = 0;
          for (const { gap, size } of statuses) {
            starts.push(total + gap);
            total += gap + size;
          }
          const stream = numbered(total);
          const open = new Map(starts.map((at, i) => [i, at]));
          const mayPass = (): number => Math.min(total, ...open.values());
          let told = 0;
          let passed = 0;
          const release = async (): Promise<void> => {
            const known = [...open.keys()].filter((i) => i < told);
            if (known.length === 0) return;
            const pick = known[picks.next().value % known.length];
            open.delete(pick);
            promised.resolve[pick]();
            await turn();
          };
          for (let i = 0; passed < total; i++) {
            const n = Math.min(cuts[i % cuts.length], total - passed);
            // A chunk's statuses are told before its bytes are handed on.
            for (; told < starts.length && starts[told] < passed + n; told++) lane.status('lu', 0, told, starts[told]);
            lane.pass(stream, passed, n);
            passed += n;
            assert.deepEqual(out.bytes, stream.subarray(0, Math.min(passed, mayPass())));
            if (picks.next().value % 2 === 0) await release();
            assert.deepEqual(out.bytes, stream.subarray(0, Math.min(passed, mayPass())));
          }
          while (open.size > 0) await release();
          assert.deepEqual(out.bytes, stream);
          assert.equal(lane.clear, true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('does not hold one connection for another', async () => {
    const promised = new Promised();
    const gate = new StatusGate(promised.policy);
    const [one, two] = [new Gathered(), new Gathered()];
    const [a, b] = [gate.lane(one), gate.lane(two)];
    a.status('lu', 0, 1, 0);
    a.pass(numbered(48), 0, 48);
    b.status('lu', 0, 2, 0);
    b.pass(numbered(48), 0, 48);
    promised.resolve[1]();
    await turn();
    assert.equal(one.bytes.length, 0);
    assert.equal(two.bytes.length, 48);
    promised.resolve[0]();
    await turn();
    assert.equal(one.bytes.length, 48);
  });

  it('pauses the target when too much waits, and goes on once that has gone', async () => {
    const promised = new Promised();
    const out = new Gathered();
    const lane = new StatusGate(promised.policy).lane(out);
    lane.status('lu', 0, 1, 0);
    const chunk = new Uint8Array(65536);
    for (let i = 0; i < 3; i++) lane.pass(chunk, 0, chunk.length);
    assert.equal(out.held, false);
    lane.pass(chunk, 0, chunk.length);
    assert.equal(out.held, true);
    promised.resolve[0]();
    await turn();
    assert.equal(out.held, false);
    assert.equal(out.bytes.length, 4 * 65536);
  });

  it('hands on the target’s end only after what waits', async () => {
    const promised = new Promised();
    const out = new Gathered();
    const lane = new StatusGate(promised.policy).lane(out);
    assert.equal(lane.end(), true);
    lane.status('lu', 0, 1, 0);
    lane.pass(numbered(48), 0, 48);
    assert.equal(lane.end(), false);
    assert.equal(out.ended, false);
    promised.resolve[0]();
    await turn();
    assert.equal(out.ended, true);
    assert.equal(out.bytes.length, 48);
  });

  it('lets the status go, and says so, when the policy fails', async () => {
    const promised = new Promised();
    const failures: unknown[] = [];
    const gate = new StatusGate(promised.policy, (why) => failures.push(why));
    const out = new Gathered();
    const lane = gate.lane(out);
    lane.status('lu', 0, 1, 0);
    lane.pass(numbered(48), 0, 48);
    promised.reject[0](new Error('no space left'));
    await turn();
    assert.equal(out.bytes.length, 48);
    assert.match(String(failures), /no space left/);
  });

  it('lets everything go when it is given up, and nothing when the host is gone', async () => {
    const promised = new Promised();
    const gate = new StatusGate(promised.policy);
    const [one, two] = [new Gathered(), new Gathered()];
    const [a, b] = [gate.lane(one), gate.lane(two)];
    for (const lane of [a, b]) {
      lane.status('lu', 0, 1, 0);
      lane.pass(numbered(48), 0, 48);
    }
    a.giveUp();
    b.drop();
    assert.equal(one.bytes.length, 48);
    for (const resolve of promised.resolve) resolve();
    await turn();
    assert.equal(one.bytes.length, 48);
    assert.equal(two.bytes.length, 0);
  });
});
