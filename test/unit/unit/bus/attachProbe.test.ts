import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MockBinding } from '@serialport/binding-mock';
import { Extents } from '../../../../src/base/extents.ts';
import { Room } from '../../../../src/buffer/room.ts';
import { ParallelSnoop } from '../../../../src/snoop/parallel/parallel.ts';
import type { Attachment } from '../../../../src/unit/bus/attachment.ts';
import { attachProbe } from '../../../../src/unit/bus/attachProbe.ts';
import { disksOf } from '../../../kit/busDisks.ts';
import { apply, type BusImage } from '../../../kit/busTrace.ts';
import { type Script, ScriptedProbe } from '../../../kit/scriptedProbe.ts';
import { sharedFolder } from '../../../shared.ts';

const PORT = '/dev/probe-mock';
const TRACE = 'p01-probe-full';
const BLOCK = 512;
/** A cable is pulled at the latest when the probe has sent so much of the trace: in the midst of it, with more to come. */
const MIDST = 200;

/** The mock's open port, as far as it is used. */
interface MockPort {
  isOpen: boolean;
  emitData(bytes: Buffer): void;
  write(bytes: Buffer): Promise<void>;
  read(into: Buffer, offset: number, length: number): Promise<unknown>;
}

describe('A4 a unit attached to a probe (with the binding mock)', function () {
  this.timeout(60_000);
  const folder = join(sharedFolder() ?? '', 'bus');
  let image: BusImage;
  let attachment: Attachment;
  let probe: ScriptedProbe;
  let told: { lost: string[]; holds: number; notices: string[] };
  let pull: () => void;

  before(function () {
    if (sharedFolder() === undefined) this.skip();
  });
  beforeEach(() => {
    MockBinding.reset();
    MockBinding.createPort(PORT, { echo: false, record: false });
  });
  afterEach(async () => {
    probe?.stop();
    await attachment?.stop(1000);
    MockBinding.reset();
  });

  /** Asks at every turn of the unit's clock. */
  async function until(what: string, holds: () => boolean): Promise<void> {
    const end = performance.now() + 30_000;
    while (!holds()) {
      if (performance.now() > end) throw new Error(`not in time: ${what}; ${JSON.stringify(attachment.status())}`);
      attachment.tick();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** As an operator who tries again where a busy machine did not get so far in time. */
  async function seen(): Promise<void> {
    for (const end = performance.now() + 30_000; ; ) {
      try {
        return await attachment.seen();
      } catch (error) {
        if (performance.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  function play(script: Script = {}): void {
    probe?.stop();
    const stream = gunzipSync(readFileSync(join(folder, `${TRACE}.probe.gz`)));
    const send = (bytes: Uint8Array): void => {
      if (port?.isOpen) port.emitData(Buffer.from(bytes));
    };
    probe = new ScriptedProbe(stream, send, { rate: 2e6, beats: true, ...script });
  }
  let port: MockPort | undefined;

  async function attach(script: Script = {}): Promise<void> {
    play(script);
    const volumes = disksOf(folder, TRACE).map(({ volume }) => ({ lu: volume, blockSize: BLOCK }));
    image = { blocks: new Map(), doubted: new Map(), changes: [] };
    for (const { lu } of volumes) {
      image.blocks.set(lu, new Map());
      image.doubted.set(lu, new Extents());
    }
    told = { lost: [], holds: 0, notices: [] };
    const room = new Room({ bytes: 8 << 20 });
    const snoop = new ParallelSnoop({
      room,
      volumes,
      sink: {
        change: (change) => {
          apply(image, change);
          if (change.lease !== undefined) room.give(change.lease);
        },
      },
    });
    const binding = {
      list: () => MockBinding.list(),
      open: async (how: { path: string; baudRate: number }) => {
        const mock = (await MockBinding.open(how)) as MockPort;
        port = mock;
        const read = mock.read.bind(mock);
        const pulled = new Promise<never>((_, reject) => {
          pull = () => reject(new Error('EIO: the cable was pulled'));
        });
        pulled.catch(() => {});
        mock.read = (into, offset, length) => Promise.race([read(into, offset, length), pulled]);
        const write = mock.write.bind(mock);
        mock.write = async (bytes) => {
          await write(bytes);
          probe.receive(bytes);
        };
        return mock;
      },
    };
    attachment = await attachProbe(
      { kind: 'probe', port: PORT, baudRate: 3e6, mode: 'auto' },
      {
        snoop,
        room,
        now: () => performance.now() * 1e6,
        notice: (text) => told.notices.push(text),
        lost: (text) => {
          told.lost.push(text);
          snoop.lose();
        },
        hold: () => told.holds++,
        serial: { binding, repeatMs: 50, silentMs: 20_000, retryMs: 20, quietMs: 100 },
      },
    );
  }

  /** The cable is pulled while hosts write, and is put back some samples later. */
  async function pulledInTheMidst(): Promise<void> {
    await attach({ rate: 150_000, upTo: MIDST });
    await until('some writes', () => [...image.blocks.values()].some((blocks) => blocks.size > 20));
    attachment.tick();
    const [at, seq] = [probe.at, probe.seq];
    play({ start: at + 40, seq: seq + 40 });
    pull();
  }

  /** Blocks that are not in doubt and not the disk's. */
  function wrong(): string[] {
    return disksOf(folder, TRACE).flatMap(({ volume, before, after }) => {
      const found: string[] = [];
      for (let at = 0; at < after.length; at += BLOCK) {
        const lbn = at / BLOCK;
        if (image.doubted.get(volume)?.intersects(lbn, lbn + 1)) continue;
        const have = image.blocks.get(volume)?.get(lbn) ?? before.toString('hex', at, at + BLOCK);
        if (have !== after.toString('hex', at, at + BLOCK)) found.push(`${volume} LBN ${lbn}`);
      }
      return found;
    });
  }
  const doubted = (): boolean => [...image.doubted.values()].some((extents) => !extents.isEmpty);

  it('gives what the disks hold, and knows when all of it has come', async () => {
    await attach();
    await probe.done;
    await seen();
    assert.deepEqual([wrong(), doubted(), told.lost], [[], false, []]);
    const { kind, text, state, samples, probe: who } = attachment.status();
    assert.deepEqual([kind, text, state], ['probe', `probe ${PORT}`, 'capturing']);
    assert.ok((samples as number) > 1000);
    assert.equal((who as { name: string }).name, 'lab bus probe');
  });

  it('lets nothing be copied before the probe is heard', async () => {
    await attach({ deaf: 2 });
    attachment.tick();
    const { holds } = told;
    assert.ok(holds > 0);
    await until('the probe', () => attachment.status().state === 'capturing' && told.holds > holds);
    await probe.done;
    await seen();
    const after = told.holds;
    attachment.tick();
    assert.equal(told.holds, after);
  });

  it('B8 leaves every volume in doubt when the cable is pulled, and where it was away', async () => {
    await pulledInTheMidst();
    await until('the loss', () => told.lost.length > 0);
    assert.match(told.lost[0], /nothing is heard of the bus/);
    const { holds } = told;
    attachment.tick();
    if (attachment.status().state !== 'capturing') assert.ok(told.holds > holds);
    await probe.done;
    await seen();
    assert.deepEqual([wrong(), doubted()], [[], true]);
    assert.equal(attachment.status().reopened, 1);
  });

  it('B8 tells so also where it was back before anybody looked', async () => {
    await pulledInTheMidst();
    // Nobody ticks meanwhile.
    await probe.done;
    assert.deepEqual([attachment.status().state, attachment.status().reopened, told.lost], ['capturing', 1, []]);
    const { holds } = told;
    attachment.tick();
    attachment.tick();
    assert.equal(told.lost.length, 1);
    assert.deepEqual([attachment.fault, told.holds], [undefined, holds]);
    await seen();
    assert.deepEqual([wrong(), doubted()], [[], true]);
  });

  it('falls back to headers by itself and comes back to data, and says both', async () => {
    await attach();
    await probe.done;
    // It stays so full until somebody has looked.
    probe.filled = 0.9;
    await until('the fallback', () => attachment.status().headerOnly === true);
    assert.match(String(attachment.status().why), /filled to 90%/);
    probe.filled = 0;
    await until('data again', () => attachment.status().headerOnly === false);
    assert.equal(attachment.status().why, '');
    assert.match(told.notices.join('\n'), /sends headers only.*sends data again/s);
  });

  it('does not say that all was seen while the probe is away', async () => {
    await attach();
    await probe.done;
    MockBinding.reset();
    pull();
    await until('the loss', () => attachment.status().state === 'away');
    await assert.rejects(attachment.seen(), /what the probe has seen has not come/);
  });
});
