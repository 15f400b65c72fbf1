import assert from 'node:assert/strict';
import type { Host, Options } from './host.ts';
import { Bench, pattern } from './host.ts';
import { out, REGISTER, RESERVE } from './reserve.ts';

export const CONFLICT = 0x18;
export const READ = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];
export const WRITE = [0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0];
export const TUR = [0, 0, 0, 0, 0, 0];

export interface Stage {
  bench: Bench;
  one: Host;
  two: Host;
  three: Host;
}

/** Three hosts; the first two are registered with keys 1 and 2, the first holds a reservation of `type` if any. */
export function stage(type = 0, options: Options = {}): Stage {
  const bench = new Bench(options);
  const one = bench.host('one');
  const two = bench.host('two');
  const three = bench.host('three');
  assert.equal(out(one, REGISTER, { sark: 1 }).status, 0);
  assert.equal(out(two, REGISTER, { sark: 2 }).status, 0);
  if (type !== 0) assert.equal(out(one, RESERVE, { key: 1, type }).status, 0);
  return { bench, one, two, three };
}

/** Whether a host is let read; it meets a conflict else. */
export function reads(host: Host): boolean {
  const { status } = host.send(READ);
  assert.ok(status === 0 || status === CONFLICT);
  return status === 0;
}

/** Whether a host is let write. */
export function writes(host: Host): boolean {
  const { status } = host.send(WRITE, { dataOut: pattern(512, 1) });
  assert.ok(status === 0 || status === CONFLICT);
  return status === 0;
}
