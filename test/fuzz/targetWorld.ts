import assert from 'node:assert/strict';
import { copyOf } from '../../src/base/bytes.ts';
import type {
  DeviceAnswer,
  DeviceCommand,
  DeviceManagement,
  DeviceOutcome,
  DeviceRequest,
  DeviceServer,
  DeviceTask,
  Nexus,
  StoppedTask,
} from '../../src/base/device.ts';
import { Fault } from '../../src/base/fault.ts';
import { createDevice, type Device } from '../../src/device/device.ts';
import { TargetNode } from '../../src/iscsi/target/node.ts';
import type { TargetLine, TargetOwner, TargetRun } from '../../src/iscsi/target/types.ts';
import { MemoryMedium } from '../unit/device/host.ts';
import type { Random } from './random.ts';

export const TARGET = 'iqn.2024-01.example:disk';
export const SECRET = 'nobody can guess this';
const BLOCKS = 64;
const NAA = '60014050123456789abcdef012345678';

/** What may lie in a target's memory here. */
export const LIMITS = {
  connections: 4,
  connectionsPerSession: 2,
  sessions: 3,
  commands: 8,
  immediates: 4,
  bytes: 65536,
  sessionBytes: 32768,
  unsolicitedBytes: 16384,
  outputBytes: 32768,
};

/** What a medium may fail at. */
const MEDIUM: readonly string[] = ['read', 'write', 'unmap', 'flush', 'mapped', 'keep'];

interface Active {
  run: TargetRun;
  answer: DeviceAnswer;
  /** What it asked for last. */
  asked: DeviceRequest['kind'] | '';
  /** It goes on when others do, or when tasks have stopped. */
  rests: 'no' | 'others' | 'stop';
  stopped: boolean;
}

/** What hosts send as the data-out of the command of that tag, from byte `from` on. */
export function dataOf(tag: number, from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (from + i) * 31 + ((from + i) >> 8) * 7 + tag * 13 + 1;
  return bytes;
}

/** A target with a device in memory whose steps take as long as chance has it, and what it is counted by. */
export class TargetWorld implements TargetOwner, DeviceServer {
  readonly node: TargetNode;
  readonly lines = new Set<TargetLine>();
  readonly #random: Random;
  readonly #device: Device;
  readonly #media = [new MemoryMedium(BLOCKS, 512), new MemoryMedium(BLOCKS, 512)];
  readonly #active: Active[] = [];
  readonly #nexuses = new Set<number>();
  /** Initiator ports that have logged in, with their sessions. */
  readonly known: { isid: number; tsih: number }[] = [];
  /** Somebody sent what was damaged on purpose: data may be anything. */
  mutated = false;
  now = 1e9;
  begun = 0;
  ended = 0;
  opened = 0;
  closed = 0;
  runs = 0;
  releases = 0;

  constructor(random: Random, auth: boolean) {
    this.#random = random;
    const identity = { vendor: 'V', product: 'P', revision: '1', serial: 'S', naa: NAA };
    const lun = { blockSize: 512, blocks: BLOCKS, identity };
    this.#device = createDevice({
      name: TARGET,
      luns: [
        { ...lun, key: 0, lun: 0, thin: true, cache: true },
        { ...lun, key: 1, lun: 1, removable: true },
      ],
    });
    const users = [{ user: 'anna', secret: SECRET }];
    this.node = new TargetNode(
      {
        targets: [{ name: TARGET, device: this, ...(auth ? { auth: { users } } : {}) }],
        algorithms: [8, 7, 6, 5],
        random: (length) => Uint8Array.from({ length }, () => random.below(256)),
        limits: LIMITS,
      },
      this,
    );
  }

  open(nexus: Nexus): void {
    this.opened++;
    this.#nexuses.add(nexus.id);
    this.#device.open(nexus);
  }

  close(nexus: Nexus): void {
    this.closed++;
    assert.ok(this.#nexuses.delete(nexus.id));
    assert.ok(
      this.#active.every(({ run }) => run.nexus.id !== nexus.id),
      'a nexus ends before its tasks',
    );
    this.#device.close(nexus);
  }

  begin(command: DeviceCommand): DeviceTask {
    this.begun++;
    assert.ok(this.#nexuses.has(command.nexus.id));
    const task = this.#device.begin(command);
    let over = false;
    const writes = command.cdb[0] === 0x2a || command.cdb[0] === 0x8a;
    return {
      lu: task.lu,
      takes: task.takes,
      run: (parts) => {
        const bytes = Buffer.concat(parts);
        assert.ok(bytes.length <= task.takes && bytes.length <= command.dataOut);
        if (!this.mutated && writes) assert.deepEqual(bytes, Buffer.from(dataOf(command.tag, 0, bytes.length)));
        return task.run(parts);
      },
      end: () => {
        assert.ok(!over, 'a task ends twice');
        over = true;
        this.ended++;
        task.end();
      },
    };
  }

  manage(order: DeviceManagement): readonly StoppedTask[] | 'no lun' {
    return this.#device.manage(order);
  }

  run(run: TargetRun): void {
    this.runs++;
    this.#active.push({ run, answer: undefined, asked: '', rests: 'no', stopped: false });
    if (this.#random.chance(2)) this.turns(1);
  }

  stop(run: TargetRun): void {
    const active = this.#active.find((each) => each.run === run);
    assert.ok(active);
    active.stopped = true;
    active.rests = 'no';
  }

  released(): void {
    this.releases++;
    assert.ok(this.releases <= this.runs);
  }

  ready(line: TargetLine): void {
    assert.ok(this.lines.has(line) || this.lines.size < LIMITS.connections);
  }

  notice(text: string): void {
    assert.ok(!text.includes(SECRET));
  }

  /** Lets so many commands go on by a step. */
  turns(count: number): void {
    for (let n = 0; n < count; n++) {
      const able = this.#active.filter(({ rests }) => rests === 'no');
      if (able.length === 0) return;
      this.#advance(this.#random.pick(able));
    }
  }

  /** Until nothing goes on. */
  settle(): void {
    for (let n = 0; this.#active.some(({ rests }) => rests === 'no'); n++) {
      assert.ok(n < 100_000, 'steps without end');
      this.turns(1);
    }
  }

  get active(): number {
    return this.#active.length;
  }

  #advance(active: Active): void {
    const { run } = active;
    for (const other of this.#active) if (other !== active && other.rests === 'others') other.rests = 'no';
    if (active.stopped) {
      run.steps.return({ status: 0x40 });
      this.#over(active, undefined);
      return;
    }
    const fails = MEDIUM.includes(active.asked) && this.#random.chance(40);
    const step = fails ? run.steps.throw(new Fault('local', 'the medium fails')) : run.steps.next(active.answer);
    if (step.done) {
      this.#over(active, step.value);
      return;
    }
    active.asked = step.value.kind;
    active.answer = this.#answer(active, step.value);
  }

  #over(active: Active, outcome: DeviceOutcome | undefined): void {
    this.#active.splice(this.#active.indexOf(active), 1);
    active.run.task.end();
    active.run.done(outcome);
  }

  #answer(active: Active, request: DeviceRequest): DeviceAnswer {
    const medium = this.#media[('lu' in request ? request.lu : undefined) ?? active.run.task.lu ?? 0];
    switch (request.kind) {
      case 'read':
        assert.ok(request.offset + request.length <= medium.bytes.length);
        return copyOf(medium.bytes, request.offset, request.offset + request.length);
      case 'write':
        for (const piece of request.pieces) medium.write(piece);
        return undefined;
      case 'unmap':
        medium.unmap(request.offset, request.length);
        return undefined;
      case 'mapped':
        return medium.runs(request.offset, request.length, request.max);
      case 'stop':
        active.rests = 'stop';
        this.node.stopTasks(request.tasks, () => {
          active.rests = 'no';
        });
        return undefined;
      case 'wait':
        active.rests = 'others';
        return undefined;
      default:
        return undefined;
    }
  }
}
