import assert from 'node:assert/strict';
import { readStored } from '../../src/record/stored.ts';
import { Random } from '../fuzz/random.ts';
import { KEEPING, OTHER_BOOT } from '../unit/record/memoryStorage.ts';
import { RecordedUnit } from './recordedUnit.ts';

const SEED = Number(process.env.TAPMIRROR_SEED ?? 20_261_121);
const STEPS = 250;

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** One thing that may happen next at a unit with two hosts. */
function step(unit: RecordedUnit, random: Random): void {
  const host = random.below(2);
  const link = unit.links[host];
  const kind = random.below(10);
  if (kind < 3) unit.write(host, random.below(40), random.between(1, 3));
  else if (kind < 6) link.deliver(random.between(1, Math.max(1, Math.min(link.undelivered, 2500))));
  else if (kind === 6) unit.storage.release();
  else if (kind === 7) unit.beginFlush(random.chance(2));
  else if (kind === 8) unit.endFlush();
  else {
    const open = link.commands.filter(({ reached, answered }) => reached && !answered);
    if (open.length > 0) unit.answer(host, open[random.below(open.length)]);
  }
}

describe('A3 B8 status recorded, and the power goes', () => {
  for (let number = 0; number < 6; number++) {
    it(`whatever reached the target is at the mirror or under a durable mark (seed ${SEED}, case ${number})`, async () => {
      const random = new Random(SEED, number);
      const unit = await new RecordedUnit(true).begin(2);
      let waited = 0;
      for (let i = 0; i < STEPS; i++) {
        step(unit, random);
        assert.deepEqual(unit.lostNow(), [], `at step ${i}`);
        await turn();
        assert.deepEqual(unit.lostNow(), [], `after step ${i}`);
        if (unit.links.some(({ came, passed }) => came > passed)) waited++;
      }
      assert.ok(waited > STEPS / 10, 'commands had to wait');
      assert.ok(unit.commands.filter(({ flushed }) => flushed).length > 10, 'the mirror came to have some');
      // All of it reaches the target in the end, in order.
      for (const link of unit.links) link.deliver();
      for (let i = 0; i < 10; i++) {
        unit.storage.release();
        await turn();
      }
      for (const { sent, passed } of unit.links) assert.equal(passed, sent);
      assert.equal(unit.gate?.holding, 0);
      assert.deepEqual(unit.faults, []);
    });
  }

  it('is more than marks alone give: at once something is lost sooner or later', async () => {
    let lost = 0;
    for (let number = 0; number < 3; number++) {
      const random = new Random(SEED, number);
      const unit = await new RecordedUnit(false).begin(2);
      for (let i = 0; i < STEPS; i++) {
        step(unit, random);
        if (unit.lostNow().length > 0) lost++;
        await turn();
      }
    }
    assert.ok(lost > 0);
  });

  it('a write within durable marks goes on at once, also while another connection waits', async () => {
    const unit = await new RecordedUnit(true).begin(2);
    const [one, two] = unit.links;
    unit.write(0, 7, 1);
    one.deliver();
    await turn();
    assert.equal(unit.commands[0].reached, false);
    unit.storage.release();
    await turn();
    assert.equal(unit.commands[0].reached, true);
    unit.answer(0, one.commands[0]);
    unit.write(0, 20, 1);
    one.deliver();
    await turn();
    assert.ok(one.came > one.passed);
    unit.write(1, 7, 1);
    two.deliver();
    assert.equal(two.commands[0].reached, true);
    assert.equal(unit.gate?.holding, 1);
  });

  it('many commands that come together wait for one sync', async () => {
    const unit = await new RecordedUnit(true).begin(1);
    for (let lbn = 0; lbn < 30; lbn++) unit.write(0, lbn, 1);
    unit.links[0].deliver();
    await turn();
    assert.equal(unit.storage.syncing.length, 1);
    unit.storage.release();
    await turn();
    assert.ok(unit.commands.every(({ reached }) => reached));
    assert.equal(unit.gate?.held, 1);
  });

  it('reads no more from a host than a bound while its commands wait', async () => {
    const unit = await new RecordedUnit(true).begin(1);
    const [link] = unit.links;
    for (let i = 0; i < 50 && !link.stopped; i++) {
      unit.write(0, i * 2, 1);
      link.send('host', nop(16_384));
      link.deliver();
    }
    assert.equal(link.stopped, true);
    assert.ok(link.came - link.passed < 320 * 1024);
    await turn();
    while (unit.storage.syncing.length > 0) {
      unit.storage.release();
      await turn();
    }
    assert.equal(link.stopped, false);
    assert.equal(link.passed, link.sent);
  });

  for (const how of ['written', 'synced'] as const) {
    it(`a record that cannot be ${how} is discarded before its commands go on, and told`, async () => {
      const unit = await new RecordedUnit(true).begin(1);
      const { storage } = unit;
      const [link] = unit.links;
      unit.write(0, 3, 1);
      if (how === 'written') storage.full = () => true;
      else storage.sick = true;
      link.deliver();
      await turn();
      if (how === 'synced') {
        storage.release();
        await turn();
        storage.sick = false;
      }
      assert.equal(unit.faults.length, 1);
      assert.equal(unit.commands[0].reached, false);
      assert.equal(storage.syncing.length, 1);
      storage.release();
      await turn();
      assert.equal(unit.commands[0].reached, true);
      const left = readStored(storage.after(), { ...KEEPING, synced: true, bootId: OTHER_BOOT });
      assert.equal(left.reset, 'new');
      // Hosts go on without waiting from here on, and nothing makes the record believable again.
      storage.full = undefined;
      unit.write(0, 5, 1);
      link.deliver();
      assert.equal(unit.commands[1].reached, true);
      await unit.kept.stored.close(true);
      assert.equal(readStored(storage.after(), { ...KEEPING, synced: true }).reset, 'new');
      assert.equal(unit.faults.length, 1);
    });
  }

  it('a record that cannot even be discarded is told to be removed, and hosts go on', async () => {
    const unit = await new RecordedUnit(true).begin(1);
    unit.storage.full = () => true;
    unit.storage.stuck = true;
    unit.write(0, 3, 1);
    unit.links[0].deliver();
    await turn();
    assert.equal(unit.commands[0].reached, true);
    assert.equal(unit.faults.length, 2);
    assert.match(unit.faults[1], /cannot be discarded/);
  });
});

/** A NOP-Out that wants no answer, with `length` bytes of data (RFC 7143 section 11.18). */
function nop(length: number): Uint8Array {
  const pdu = new Uint8Array(48 + length);
  pdu.set([0x40, 0x80, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255]);
  pdu.fill(0xff, 16, 24);
  return pdu;
}
