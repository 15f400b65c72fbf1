import assert from 'node:assert/strict';
import fc from 'fast-check';
import { commandOf } from '../../../src/device/table.ts';
import { Bench, type Host, type Result } from './host.ts';

/** Opcodes and service actions that are there, and any others. */
const opcode = fc.oneof(
  fc.constantFrom(
    0x08,
    0x0a,
    0x28,
    0x2a,
    0x88,
    0x8a,
    0xa8,
    0xaa,
    0x2e,
    0x2f,
    0x8e,
    0x8f,
    0x89,
    0x8b,
    0x9c,
    0x41,
    0x93,
    0x42,
  ),
  fc.constantFrom(
    0x12,
    0x03,
    0x15,
    0x55,
    0x1a,
    0x5a,
    0x25,
    0x9e,
    0xa0,
    0xa3,
    0x5e,
    0x5f,
    0x16,
    0x17,
    0x1b,
    0x1e,
    0x4d,
    0x83,
  ),
  fc.constantFrom(0x84, 0x48, 0x04, 0x34, 0x35, 0x90, 0x91, 0x37, 0xb7, 0x1d),
  fc.nat(255),
);
const small = fc.oneof(fc.constant(0), fc.constant(0), fc.constant(0), fc.nat(40), fc.nat(255));
const cdbs = fc
  .tuple(opcode, fc.array(small, { minLength: 15, maxLength: 31 }))
  .map(([first, rest]) => [first, ...rest]);
const lists = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.array(small, { maxLength: 128 }).map((all) => Uint8Array.from(all)),
);
const order = fc.record({
  cdb: cdbs,
  data: fc.option(lists, { nil: undefined }),
  dataIn: fc.nat(70_000),
  host: fc.nat(1),
});

const KNOWN = [0x00, 0x02, 0x04, 0x18];

function check(result: Result, cdb: readonly number[], bytes: number): void {
  assert.ok(KNOWN.includes(result.status), `status ${result.status}`);
  assert.equal(result.status === 2, result.sense !== undefined);
  if (result.status !== 0) assert.equal(result.data.length, 0);
  assert.ok(result.data.length <= Math.max(bytes, 70_000));
  assert.ok(Number.isSafeInteger(result.takes) && result.takes >= 0);
  if (commandOf(Uint8Array.from(cdb)) === undefined) assert.equal(result.key, 5);
}

describe('hostile CDBs and parameter lists', () => {
  it('end in a status and move nothing that is not there', () => {
    fc.assert(
      fc.property(fc.array(order, { maxLength: 30 }), fc.boolean(), (orders, isThin) => {
        const bench = new Bench({ thin: isThin, cache: isThin, removable: true, blocks: 128, luns: [{}, {}] });
        const hosts: Host[] = [bench.host('one'), bench.host('two')];
        for (const { cdb, data, dataIn, host } of orders) {
          const result = hosts[host].send(cdb, data === undefined ? { dataIn } : { dataOut: data, dataIn: 0 });
          check(result, cdb, dataIn);
        }
        // Whatever came before, the unit still answers.
        for (const host of hosts) assert.equal(host.send([0x12, 0, 0, 0, 36, 0]).status, 0);
        for (const { tasks } of bench.device.status()) assert.equal(tasks, 0);
      }),
      { numRuns: Number(process.env.TAPMIRROR_DEVICE_FUZZ ?? 1500) },
    );
  });
});
