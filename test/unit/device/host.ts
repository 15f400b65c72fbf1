import assert from 'node:assert/strict';
import { parseSense } from '../../../parsers/scsi/sense.ts';
import { copyOf } from '../../../src/base/bytes.ts';
import type { Piece } from '../../../src/base/change.ts';
import type {
  DeviceAnswer,
  DeviceOutcome,
  DeviceRequest,
  DeviceSteps,
  DeviceTask,
  Nexus,
  StoppedTask,
  TaskAttribute,
} from '../../../src/base/device.ts';
import { isFill, isOr } from '../../../src/base/payload.ts';
import type { Device } from '../../../src/device/device.ts';
import { createDevice } from '../../../src/device/device.ts';
import type { LunOptions } from '../../../src/device/options.ts';

/** A medium in memory, with the blocks that were written. */
export class MemoryMedium {
  readonly bytes: Uint8Array;
  readonly blockSize: number;
  readonly mapped: Uint8Array;
  flushes = 0;
  readonly durable: boolean[] = [];

  constructor(blocks: number, blockSize: number) {
    this.bytes = new Uint8Array(blocks * blockSize);
    this.blockSize = blockSize;
    this.mapped = new Uint8Array(blocks);
  }

  write(piece: Piece): void {
    assert.equal(piece.offset % this.blockSize, 0);
    assert.equal(piece.length % this.blockSize, 0);
    const target = this.bytes.subarray(piece.offset, piece.offset + piece.length);
    assert.equal(target.length, piece.length, 'a write beyond the medium');
    this.#map(piece.offset, piece.length, 1);
    const { payload } = piece;
    if (payload === 'zeros') target.fill(0);
    else if (payload === 'lbnOnly' || isOr(payload)) assert.fail('a payload that a medium cannot write');
    else if (isFill(payload))
      for (let at = 0; at < piece.length; at += payload.fill.length) target.set(payload.fill, at);
    else {
      let at = 0;
      for (const part of payload) {
        target.set(part, at);
        at += part.length;
      }
      assert.equal(at, piece.length);
    }
  }

  unmap(offset: number, length: number): void {
    this.bytes.fill(0, offset, offset + length);
    this.#map(offset, length, 0);
  }

  runs(offset: number, length: number, max: number): (readonly [number, number])[] {
    const runs: [number, number][] = [];
    for (let at = offset; at < offset + length; at += this.blockSize) {
      if (this.mapped[at / this.blockSize] === 0) continue;
      const last = runs.at(-1);
      if (last !== undefined && last[0] + last[1] === at) last[1] += this.blockSize;
      else if (runs.length === max) break;
      else runs.push([at, this.blockSize]);
    }
    return runs;
  }

  #map(offset: number, length: number, value: number): void {
    this.mapped.fill(value, offset / this.blockSize, (offset + length) / this.blockSize);
  }
}

/** What a command came to. */
export interface Result {
  status: number;
  key: number;
  /** ASC and ASCQ as one number. */
  code: number;
  information: number;
  sense: Uint8Array | undefined;
  data: Uint8Array;
  wanted: number | undefined;
  takes: number;
  requests: DeviceRequest[];
}

export interface Options extends Partial<LunOptions> {
  luns?: Partial<LunOptions>[];
  transferBytesMax?: number;
  background?: (task: DeviceTask) => void;
}

export const NAA = '60014050123456789abcdef012345678';
export const TARGET = 'iqn.2026-01.example.lab:disk';

function lunOptions(options: Partial<LunOptions>, index: number): LunOptions {
  return {
    key: 100 + index,
    lun: index,
    blockSize: 512,
    blocks: 1024,
    identity: { vendor: 'TAPMIRR', product: 'VOLUME', revision: '0001', serial: `SERIAL-${index}`, naa: NAA },
    ...options,
  };
}

/** A device with its media, and hosts that send it commands. */
export class Bench {
  readonly device: Device;
  readonly media = new Map<number, MemoryMedium>();
  readonly kept = new Map<string, Uint8Array>();
  readonly stopped: StoppedTask[] = [];
  /** Thrown at the next request of that kind. */
  fail: { kind: DeviceRequest['kind']; error: Error } | undefined;
  #nexus = 0;

  constructor(options: Options = {}) {
    const { luns = [{}], transferBytesMax, background, ...rest } = options;
    const all = luns.map((lun, index) => lunOptions({ ...rest, ...lun }, index));
    for (const lun of all) this.media.set(lun.key, new MemoryMedium(lun.blocks, lun.blockSize));
    this.device = createDevice({
      name: TARGET,
      luns: all,
      ...(transferBytesMax === undefined ? {} : { transferBytesMax }),
      ...(background === undefined ? {} : { background }),
    });
  }

  medium(index = 0): MemoryMedium {
    return this.media.get(100 + index) as MemoryMedium;
  }

  /** A host that has logged in and has been told that the unit was powered on. */
  host(name = 'one', isid = '0x000000000001'): Host {
    const host = this.stranger(name, isid);
    for (const lun of this.device.luns()) host.send([0, 0, 0, 0, 0, 0], { lun });
    return host;
  }

  stranger(name = 'one', isid = '0x000000000001', targetPort = 1): Host {
    this.#nexus += 1;
    const initiator = `iqn.2026-01.example.host:${name}`;
    const nexus = { id: this.#nexus, initiator, initiatorPort: `${initiator},i,${isid}`, targetPort };
    this.device.open(nexus);
    return new Host(this, nexus);
  }

  answer(task: DeviceTask, request: DeviceRequest): DeviceAnswer {
    const lu = ('lu' in request ? request.lu : undefined) ?? task.lu;
    const medium = this.media.get(lu as number) as MemoryMedium;
    if (this.fail?.kind === request.kind) {
      const { error } = this.fail;
      this.fail = undefined;
      throw error;
    }
    switch (request.kind) {
      case 'read':
        assert.ok(
          request.length > 0 && request.offset + request.length <= medium.bytes.length,
          'a read beyond the medium',
        );
        return copyOf(medium.bytes, request.offset, request.offset + request.length);
      case 'write':
        for (const piece of request.pieces) medium.write(piece);
        medium.durable.push(request.fua);
        return undefined;
      case 'unmap':
        medium.unmap(request.offset, request.length);
        return undefined;
      case 'flush':
        medium.flushes += 1;
        return undefined;
      case 'mapped':
        return medium.runs(request.offset, request.length, request.max);
      case 'keep':
        this.kept.set(`${lu} ${request.name}`, copyOf(request.bytes));
        return undefined;
      case 'stop':
        this.stopped.push(...request.tasks);
        return undefined;
      case 'hold':
      case 'wait':
        return undefined;
    }
  }
}

export interface Sending {
  lun?: number;
  dataOut?: Uint8Array;
  /** What the host would take; by default more than anything it is given. */
  dataIn?: number;
  /** What the host says that it would send, where that is not what it has. */
  expected?: number;
  attribute?: TaskAttribute;
  tag?: number;
}

export function isAnswer(
  value: IteratorResult<DeviceRequest, DeviceOutcome>,
): value is IteratorReturnResult<DeviceOutcome> {
  return value.done === true;
}

/** An I_T nexus. */
export class Host {
  readonly bench: Bench;
  readonly nexus: Nexus;
  #tag = 0;

  constructor(bench: Bench, nexus: Nexus) {
    this.bench = bench;
    this.nexus = nexus;
  }

  begin(cdb: readonly number[], sending: Sending = {}): DeviceTask {
    const bytes = new Uint8Array(Math.max(16, cdb.length));
    bytes.set(cdb);
    const lun = new Uint8Array(8);
    lun[1] = sending.lun ?? 0;
    this.#tag += 1;
    const task = this.bench.device.begin({
      nexus: this.nexus,
      lun,
      tag: sending.tag ?? this.#tag,
      cdb: bytes,
      attribute: sending.attribute ?? 'simple',
      dataOut: sending.expected ?? sending.dataOut?.length ?? 0,
      dataIn: sending.dataIn ?? (sending.dataOut === undefined ? 0x10000000 : 0),
    });
    // Borrowed until `begin` returned.
    bytes.fill(0xee);
    lun.fill(0xee);
    return task;
  }

  /** Sends a command and does all that its steps ask for. */
  send(cdb: readonly number[], sending: Sending = {}): Result {
    const task = this.begin(cdb, sending);
    const out = (sending.dataOut ?? new Uint8Array(0)).subarray(0, task.takes);
    // In two parts, as PDUs come.
    const half = out.length >> 1;
    const parts = half === 0 ? [out] : [out.subarray(0, half), out.subarray(half)];
    const requests: DeviceRequest[] = [];
    const outcome = this.drive(task, task.run(out.length === 0 ? [] : parts), requests);
    task.end();
    return resultOf(task, outcome, requests);
  }

  drive(task: DeviceTask, steps: DeviceSteps, requests: DeviceRequest[]): DeviceOutcome {
    let step = steps.next();
    while (!isAnswer(step)) {
      requests.push(step.value);
      assert.ok(requests.length < 100_000, 'steps that do not end');
      let answer: DeviceAnswer;
      try {
        answer = this.bench.answer(task, step.value);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        step = steps.throw(error);
        continue;
      }
      step = steps.next(answer);
    }
    return step.value;
  }
}

export function resultOf(task: DeviceTask, outcome: DeviceOutcome, requests: DeviceRequest[]): Result {
  const sense = outcome.sense === undefined ? undefined : parseSense(outcome.sense, 0, outcome.sense.length);
  assert.ok(sense === undefined || !('fault' in sense));
  const parts = outcome.dataIn ?? [];
  return {
    status: outcome.status,
    key: sense?.key ?? 0,
    code: sense === undefined ? 0 : sense.asc * 256 + sense.ascq,
    information: sense?.information ?? -1,
    sense: outcome.sense,
    data: Buffer.concat(parts),
    wanted: outcome.wanted,
    takes: task.takes,
    requests,
  };
}

/** Big-endian bytes of a number. */
export function be(value: number | bigint, length: number): number[] {
  const bytes: number[] = [];
  let left = BigInt(value);
  for (let i = 0; i < length; i += 1) {
    bytes.unshift(Number(left & 0xffn));
    left >>= 8n;
  }
  return bytes;
}

export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) bytes[i] = (i * 31 + (i >> 8) * 7 + seed * 101 + 1) & 0xff;
  return bytes;
}
