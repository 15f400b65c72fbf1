import type { CommandView } from '../../../src/base/command.ts';

/** Whole seconds since 1970 at which hand-made traffic begins; a number holds times near it to 256 ns. */
export const START = 1_700_000_000n * 1_000_000_000n;

/** A hand-made command: a READ(10) of 8 blocks of 512 bytes that took 1 ms, but for what `parts` says. */
export function view(parts: Partial<CommandView> = {}): CommandView {
  return {
    frame: 1,
    responseFrame: 2,
    stream: 0,
    at: START,
    latency: 1_000_000,
    host: 'iqn.host:a',
    target: 'iqn.target:t',
    lu: 'iqn.target:t/1',
    lun: 1,
    ordinal: 0,
    lbnExact: undefined,
    itt: 1,
    opcode: 0x28,
    operation: 'READ(10)',
    nature: 'read',
    lbn: 0,
    blocks: 8,
    blockSize: 512,
    edtl: 4096,
    direction: 'r',
    status: 0,
    sense: undefined,
    ending: 'status',
    dataIn: 4096,
    dataOut: 0,
    queueDepth: 1,
    ...parts,
  };
}

/** A WRITE(10), otherwise as `view`. */
export function write(parts: Partial<CommandView> = {}): CommandView {
  return view({
    opcode: 0x2a,
    operation: 'WRITE(10)',
    nature: 'write',
    direction: 'w',
    dataIn: 0,
    dataOut: 4096,
    ...parts,
  });
}

/** A TEST UNIT READY, otherwise as `view`. */
export function testUnitReady(parts: Partial<CommandView> = {}): CommandView {
  return view({
    opcode: 0x00,
    operation: 'TEST UNIT READY',
    nature: 'control',
    direction: '-',
    lbn: -1,
    blocks: -1,
    edtl: 0,
    dataIn: 0,
    ...parts,
  });
}
