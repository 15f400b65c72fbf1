import assert from 'node:assert/strict';
import type { Bench, Host } from './kit.ts';

export const NONE = 0xffffffff;
export const FAST = { InitialR2T: 'No', ImmediateData: 'Yes', MaxRecvDataSegmentLength: '262144' };

/** Sends a NOP-Out. */
export function ping(
  host: Host,
  itt: number,
  more: { immediate?: boolean; cmdSn?: number; data?: Uint8Array } = {},
): void {
  const words = { 20: NONE, ...(more.cmdSn === undefined ? {} : { 24: more.cmdSn }) };
  host.ask({
    opcode: 0,
    flags: 0x80,
    itt,
    words,
    data: more.data ?? new Uint8Array(0),
    immediate: more.immediate === true,
  });
}

/** A second connection of the session. */
export function second(bench: Bench, one: Host, cid = 2): Host {
  const two = bench.connect();
  two.cid = cid;
  two.tsih = one.tsih;
  two.cmdSn = one.cmdSn;
  two.login(0x87, { ...two.names(), MaxRecvDataSegmentLength: '262144' });
  const told = two.one();
  assert.deepEqual([told.w36, told.bhs[14] * 256 + told.bhs[15]], [0, one.tsih]);
  return two;
}
