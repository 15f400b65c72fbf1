import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copyOf } from '../../../src/base/bytes.ts';
import { Redirect } from '../../../src/gate/redirect.ts';
import { type Header, pdu, text } from '../../kit/pdu.ts';
import { join } from '../parsers/net/build.ts';

const TARGET = '10.0.0.2:3260';
const OWN = '[fd00::10:1]:13262';
const NAME = 'iqn.2001-04.com.example:disk';

interface Shape {
  digests?: { header: boolean; data: boolean };
  segment?: number;
}

class Told {
  readonly runs: Uint8Array[] = [];
  readonly notices: string[] = [];
  came = 0;
  readonly redirect: Redirect;

  constructor({ digests = { header: false, data: false }, segment = 8192 }: Shape = {}) {
    this.redirect = new Redirect({
      isTarget: (address) => address === TARGET,
      portal: OWN,
      digests: () => digests,
      segmentMax: () => segment,
      notice: (words) => this.notices.push(words),
    });
  }

  feed(bytes: Uint8Array, step = bytes.length): this {
    for (let at = 0; at < bytes.length; at += step) {
      const run = copyOf(bytes, at, at + step);
      this.redirect.feed(run, run.length, (b, offset, length, came) => {
        this.runs.push(copyOf(b, offset, offset + length));
        this.came += came;
      });
      run.fill(0xee);
    }
    return this;
  }

  get bytes(): Uint8Array {
    return join(...this.runs);
  }
}

const loggedIn: Header = {
  opcode: 0x23,
  flags: 0x87,
  itt: 0,
  words: { 24: 1 },
  data: text({ TargetPortalGroupTag: '1' }),
};

function answer(data: Uint8Array, o: { more?: boolean; itt?: number } = {}): Header {
  return { opcode: 0x24, flags: o.more ? 0x40 : 0x80, itt: o.itt ?? 5, words: { 20: 0xffffffff, 24: 2 }, data };
}

function targets(address: string, count = 1): Uint8Array {
  const one = (n: number): string => `TargetName=${NAME}-${n}\0TargetAddress=${address},1\0`;
  return Uint8Array.from(Buffer.from(Array.from({ length: count }, (_, n) => one(n)).join('')));
}

describe('A3 discovery through the tee', () => {
  it('tells the tee’s portal in SendTargets answers, however they are cut, with and without digests', () => {
    const shapes = [{}, { header: true }, { data: true }, { header: true, data: true }];
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.constantFrom(...shapes), (step, used) => {
        const digests = { header: false, data: false, ...used };
        const data = { opcode: 0x25, flags: 0x81, itt: 3, words: { 24: 2 }, data: targets(TARGET) };
        const stream = (address: string): Uint8Array =>
          join(
            pdu(loggedIn),
            pdu(data, digests),
            pdu(answer(join(targets(address), targets('10.0.0.3:3260'))), digests),
            pdu(data, digests),
          );
        const told = new Told({ digests }).feed(stream(TARGET), step);
        assert.deepEqual(told.bytes, stream(OWN));
        assert.equal(told.came, stream(TARGET).length);
        assert.deepEqual(told.notices, []);
      }),
    );
  });

  it('tells it in a login redirect (RFC 7143 section 11.13.5)', () => {
    const moved = (address: string): Uint8Array =>
      pdu({ opcode: 0x23, flags: 0, itt: 0, words: { 36: 0x01010000 }, data: text({ TargetAddress: address }) });
    assert.deepEqual(new Told().feed(moved(TARGET)).bytes, moved(OWN));
    assert.deepEqual(new Told().feed(moved('10.0.0.9:3260')).bytes, moved('10.0.0.9:3260'));
  });

  it('leaves everything else byte for byte', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 99 }),
        (all, step) => {
          const other = (data: Uint8Array, i: number): Header => ({
            opcode: [0x25, 0x21, 0x20, 0x3f][i % 4],
            itt: i,
            data,
          });
          const stream = join(
            pdu(loggedIn),
            ...all.map((data, i) => pdu(other(data, i))),
            pdu(answer(text({ X: 'TargetAddress=' }))),
          );
          assert.deepEqual(new Told().feed(stream, step).bytes, stream);
        },
      ),
    );
  });

  it('joins pairs that several PDUs share (the C bit), and no PDU gets too long for it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 64, max: 700 }), (count, segment) => {
        const whole = targets(TARGET, count);
        const cut: Uint8Array[] = [];
        for (let at = 0; at < whole.length; at += segment) cut.push(whole.subarray(at, at + segment));
        const stream = cut.map((data, i) => pdu(answer(data, { more: i < cut.length - 1 })));
        const told = new Told({ segment }).feed(join(pdu(loggedIn), ...stream));
        let all: Uint8Array = new Uint8Array(0);
        const last = told.runs.at(-1);
        for (const run of told.runs.slice(1)) {
          const length = (run[5] << 16) | (run[6] << 8) | run[7];
          if (run !== last) assert.ok(length <= segment, `${length} bytes`);
          all = join(all, run.subarray(48, 48 + length));
        }
        assert.equal(Buffer.from(all).toString(), Buffer.from(targets(OWN, count)).toString());
      }),
    );
  });

  it('says when the last PDU gets longer than the host takes', () => {
    const full = targets(TARGET, 12);
    const told = new Told({ segment: full.length }).feed(join(pdu(loggedIn), pdu(answer(full))));
    assert.match(told.notices.join(), /longer than the host/);
  });

  it('does not take the end of another exchange’s pair for a pair', () => {
    const start = Uint8Array.from(Buffer.from('SomethingElse='));
    const rest = text({ TargetAddress: `${TARGET},1` });
    const stream = join(pdu(loggedIn), pdu(answer(start, { more: true })), pdu(answer(rest)));
    assert.deepEqual(new Told().feed(stream).bytes, stream);
  });

  it('stands aside for what it cannot follow', () => {
    const nonsense = Uint8Array.from({ length: 500 }, (_, i) => i & 0xff);
    const stream = join(pdu(loggedIn), nonsense, pdu(answer(targets(TARGET))));
    for (const step of [1, 7, 4096]) {
      const told = new Told().feed(stream, step);
      assert.deepEqual(told.bytes, stream);
      assert.equal(told.redirect.off, true);
      assert.match(told.notices.join(), /could not be followed/);
    }
    const long = new Told().feed(join(pdu(loggedIn), pdu(answer(new Uint8Array(70_000)))));
    assert.match(long.notices.join(), /too long/);
    assert.equal(long.bytes.length, pdu(loggedIn).length + 48 + 70_000);
  });

  it('hands on what it has gathered when it is given up', () => {
    const told = new Told();
    const half = pdu(answer(targets(TARGET))).subarray(0, 60);
    told.feed(join(pdu(loggedIn), half));
    told.redirect.giveUp((b, offset, length) => told.runs.push(copyOf(b, offset, offset + length)));
    assert.deepEqual(told.bytes, join(pdu(loggedIn), half));
  });
});
