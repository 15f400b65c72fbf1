import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { parseText } from '../../../../parsers/iscsi/text.ts';
import type { TargetSpec } from '../../../../src/iscsi/target/types.ts';
import { text } from '../../../kit/pdu.ts';
import { Bench, type Host, TARGET } from './kit.ts';

const HASHES: Readonly<Record<number, string>> = { 5: 'md5', 6: 'sha1', 7: 'sha256', 8: 'sha3-256' };

/** RFC 1994 section 4.1. */
function proof(algorithm: number, identifier: number, secret: string, challenge: Buffer): string {
  const hash = createHash(HASHES[algorithm]);
  return `0x${hash.update(Buffer.of(identifier)).update(secret).update(challenge).digest('hex')}`;
}

const hex = (value: string | undefined): Buffer => Buffer.from((value ?? '').slice(2), 'hex');

/** The status of a login in one exchange. */
function status(
  bench: Bench,
  keys: Readonly<Record<string, string>> | Uint8Array,
  flags = 0x87,
  address?: string,
): number {
  const host = bench.connect(address);
  const sessions = bench.device.open_.size;
  host.login(flags, keys);
  const told = host.one();
  assert.equal(told.opcode, 0x23);
  assert.equal(bench.device.begun.length, 0);
  if (told.w36 !== 0) {
    assert.deepEqual([host.line.closing, bench.device.open_.size], ['end', sessions]);
  }
  return told.w36 >>> 16;
}

function names(bench: Bench, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return bench.connect().names(more);
}

describe('iSCSI target: login', () => {
  it('refuses with the status that says why (RFC 7143 section 11.13.5)', () => {
    const bench = new Bench({}, { allow: { initiators: ['iqn.2024-01.example:*'], networks: ['10.0.0.0/24'] } });
    const good = names(bench);
    const without = (key: string) => Object.fromEntries(Object.entries(good).filter(([name]) => name !== key));
    assert.equal(status(bench, good), 0);
    assert.equal(bench.device.open_.size, 1);
    bench.node.dropAll();
    assert.equal(status(bench, without('InitiatorName')), 0x0207);
    assert.equal(status(bench, without('TargetName')), 0x0207);
    assert.equal(status(bench, { ...good, TargetName: 'iqn.2024-01.example:none' }), 0x0203);
    assert.equal(status(bench, { ...good, SessionType: 'Other' }), 0x0209);
    assert.equal(status(bench, { ...good, InitiatorName: 'iqn.2024-02.example:host' }), 0x0202);
    assert.equal(status(bench, good, 0x87, '10.0.1.7'), 0x0202);
    assert.equal(status(bench, good, 0x87, 'fd66::1'), 0x0202);
    assert.equal(status(bench, good, 0xc7), 0x020b, 'both T and C');
    assert.equal(status(bench, good, 0x86), 0x020b, 'no such next stage');
    assert.equal(status(bench, good, 0x85), 0x020b, 'the same stage next');
    assert.equal(status(bench, good, 0x8b), 0x020b, 'no such stage');
    assert.equal(status(bench, Buffer.from('InitiatorName=a\0InitiatorName=b\0')), 0x0200, 'a key twice');
    assert.equal(status(bench, Buffer.from('nonsense\0')), 0x0200);
    assert.equal(status(bench, Buffer.from('=x\0')), 0x0200);
    assert.equal(status(bench, Buffer.from('1st=x\0')), 0x0200);
    assert.equal(status(bench, { ...good, InitiatorName: 'a b' }), 0x0200);
    for (const length of ['511', '16777216', 'x']) {
      assert.equal(status(bench, { ...good, MaxRecvDataSegmentLength: length }), 0x0200);
    }
    const host = bench.connect();
    host.tsih = 77;
    host.login(0x87, good);
    assert.equal(host.one().w36 >>> 16, 0x020a, 'no such session');
    const other = bench.connect();
    other.say({ opcode: 3, immediate: true, flags: 0x87, two: 9, three: 1, itt: 1, data: text(good) });
    assert.equal(other.one().w36 >>> 16, 0x0205, 'another version');
    assert.ok(bench.notices.some((said) => said.includes('is not allowed to use')));
  });

  it('lets nobody near the device before the login', () => {
    const bench = new Bench();
    for (const opcode of [0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x10, 0x1c]) {
      const host = bench.connect();
      host.ask({ opcode, flags: 0x80, itt: 3 });
      assert.deepEqual([host.told(), host.line.closing], [[], 'reset'], `opcode ${opcode}`);
    }
    const garbage = bench.connect();
    garbage.raw(Uint8Array.from({ length: 2000 }, () => 0xff));
    assert.equal(garbage.line.closing, 'reset');
    assert.deepEqual([bench.device.begun.length, bench.device.open_.size], [0, 0]);
  });

  it('goes through both stages, and tells its portal group in the first answer (sections 6.3, 13.9)', () => {
    const bench = new Bench({}, { tag: 7, alias: 'disk' });
    const host = bench.connect();
    host.login(0x81, host.names({ AuthMethod: 'CHAP,None' }));
    const first = host.one();
    assert.equal(first.flags, 0x81);
    assert.deepEqual(Object.fromEntries(parseText(first.data)), {
      TargetAlias: 'disk',
      TargetPortalGroupTag: '7',
      AuthMethod: 'None',
    });
    host.login(0x04, { HeaderDigest: 'None', ErrorRecoveryLevel: '2' });
    const second = host.one();
    assert.equal(second.flags, 0x04);
    assert.deepEqual(Object.fromEntries(parseText(second.data)), {
      HeaderDigest: 'None',
      ErrorRecoveryLevel: '0',
      MaxRecvDataSegmentLength: '262144',
    });
    host.login(0x87, {});
    const third = host.one();
    assert.deepEqual([third.flags, third.data.length, third.statSn], [0x87, 0, 2]);
    assert.notEqual((third.bhs[14] << 8) | third.bhs[15], 0);
    assert.deepEqual([third.expCmdSn, third.maxCmdSn], [host.cmdSn, host.cmdSn + 127]);
    const [nexus] = bench.device.open_.values();
    assert.equal(nexus.initiatorPort, 'iqn.2024-01.example:host,i,0x800102030405');
    assert.equal(nexus.targetPort, 7);
  });

  it('negotiates every key by its function (section 13)', () => {
    const cases: [string, string, string | undefined][] = [
      ['HeaderDigest', 'CRC32C,None', 'CRC32C'],
      ['HeaderDigest', 'None,CRC32C', 'None'],
      ['DataDigest', 'X-other,CRC32C', 'CRC32C'],
      ['DataDigest', 'X-other', 'Reject'],
      ['MaxConnections', '8', '4'],
      ['MaxConnections', '0', 'Reject'],
      ['MaxConnections', '65536', 'Reject'],
      ['InitialR2T', 'Yes', 'Yes'],
      ['InitialR2T', 'No', 'No'],
      ['InitialR2T', 'yes', 'Reject'],
      ['ImmediateData', 'No', 'No'],
      ['ImmediateData', 'Yes', 'Yes'],
      ['MaxRecvDataSegmentLength', '512', undefined],
      ['MaxBurstLength', '0x100000', '1048576'],
      ['MaxBurstLength', '16776192', '1048576'],
      ['MaxBurstLength', '511', 'Reject'],
      ['FirstBurstLength', '65536', '65536'],
      ['FirstBurstLength', '16776192', '262144'],
      ['DefaultTime2Wait', '2', '2'],
      ['DefaultTime2Wait', '3601', 'Reject'],
      ['DefaultTime2Retain', '20', '0'],
      ['MaxOutstandingR2T', '16', '8'],
      ['MaxOutstandingR2T', '1', '1'],
      ['MaxOutstandingR2T', '0', 'Reject'],
      ['DataPDUInOrder', 'No', 'Yes'],
      ['DataSequenceInOrder', 'No', 'Yes'],
      ['ErrorRecoveryLevel', '2', '0'],
      ['ErrorRecoveryLevel', '3', 'Reject'],
      ['TaskReporting', 'ResponseFence,RFC3720', 'RFC3720'],
      ['TaskReporting', 'FastAbort', 'Reject'],
      ['iSCSIProtocolLevel', '2', '1'],
      ['iSCSIProtocolLevel', '0', '0'],
      ['IFMarker', 'Yes', 'No'],
      ['OFMarkInt', '1~9', 'Irrelevant'],
      ['RDMAExtensions', 'Yes', 'No'],
      ['SendTargets', 'All', 'Reject'],
      ['InitiatorAlias', 'me', undefined],
      ['NodeArchitecture', 'linux', undefined],
      ['X-com.example.key', '1', 'NotUnderstood'],
      ['constructor', '1', 'NotUnderstood'],
      ['ToString', '1', 'NotUnderstood'],
    ];
    for (const [key, value, answer] of cases) {
      const host = new Bench().connect();
      host.login(0x04, host.names({ [key]: value }));
      const told = host.one();
      if (answer === undefined && key !== 'MaxRecvDataSegmentLength') assert.ok(!parseText(told.data).has(key));
      else assert.equal(parseText(told.data).get(key), answer ?? '262144', `${key}=${value}`);
    }
  });

  it('never lets the first burst be longer than a burst (section 13.14)', () =>
    fc.assert(
      fc.property(fc.integer({ min: 512, max: 0xffffff }), fc.integer({ min: 512, max: 0xffffff }), (first, burst) => {
        const host = new Bench().connect();
        host.login(0x04, host.names({ FirstBurstLength: String(first), MaxBurstLength: String(burst) }));
        const keys = parseText(host.one().data);
        assert.equal(Number(keys.get('FirstBurstLength')), Math.min(first, 262144, burst));
        assert.equal(Number(keys.get('MaxBurstLength')), Math.min(burst, 1048576));
      }),
      { numRuns: 30 },
    ));

  it('takes text in parts, and gives a long answer in parts (section 6.2)', () => {
    const host = new Bench().connect();
    const keys = Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`X-${i}`, 'a']));
    const whole = text({ ...host.names(), ...keys });
    for (let at = 0; at < whole.length; at += 1001) {
      const last = at + 1001 >= whole.length;
      host.login(last ? 0x87 : 0x44, whole.subarray(at, at + 1001));
      if (last) break;
      const told = host.one();
      assert.deepEqual([told.flags, told.data.length], [0x04, 0]);
    }
    const parts: Uint8Array[] = [];
    let told = host.one();
    while (told.flags === 0x44) {
      assert.ok(told.data.length <= 8192);
      parts.push(told.data);
      host.login(0x87, {});
      told = host.one();
    }
    assert.equal(told.flags, 0x87);
    const answers = parseText(Buffer.concat([...parts, told.data]));
    assert.ok(parts.length >= 1);
    assert.equal([...answers.values()].filter((value) => value === 'NotUnderstood').length, 900);
  });

  it('bounds text and exchanges', () => {
    const bench = new Bench();
    const endless = bench.connect();
    const part = new Uint8Array(30000).fill(0x41);
    endless.login(0x44, part);
    endless.login(0x44, part);
    assert.equal(endless.told().length, 2);
    endless.login(0x44, part);
    assert.equal(endless.one().w36 >>> 16, 0x0200);
    const idle = bench.connect();
    idle.login(0x04, idle.names());
    for (let i = 0; i < 31; i++) idle.login(0x04, {});
    assert.ok(idle.told().every(({ w36 }) => w36 === 0));
    idle.login(0x04, {});
    assert.equal(idle.one().w36 >>> 16, 0x0200);
  });

  it('proceeds only in order: who it is does not change half-way', () => {
    const host = new Bench().connect();
    host.login(0x04, host.names());
    host.told();
    host.isid = Uint8Array.of(0x80, 9, 9, 9, 9, 9);
    host.login(0x87, {});
    assert.equal(host.one().w36 >>> 16, 0x020b);
    const repeat = new Bench().connect();
    repeat.login(0x04, repeat.names({ HeaderDigest: 'None' }));
    repeat.told();
    repeat.login(0x87, { HeaderDigest: 'CRC32C' });
    assert.equal(repeat.one().w36 >>> 16, 0x0200, 'negotiated twice');
  });

  it('has digests from the first PDU after the login on, where they were agreed (section 13.1)', () => {
    const bench = new Bench({}, { digests: 'required' });
    const host = bench.connect().in({ HeaderDigest: 'None,CRC32C', DataDigest: 'CRC32C' });
    host.digests = { header: true, data: true };
    host.ask({ opcode: 0, flags: 0x80, itt: 9, words: { 20: 0xffffffff }, data: Uint8Array.of(1, 2, 3) });
    assert.deepEqual([...host.one().data], [1, 2, 3]);
    assert.equal(bench.node.sessions()[0].connections[0].digests, 'header,data');
    assert.equal(status(bench, names(bench, { HeaderDigest: 'None', DataDigest: 'CRC32C' })), 0x0200);
    assert.equal(status(bench, names(bench)), 0x0200);
  });
});

describe('iSCSI target: authentication (RFC 7143 section 12.1)', () => {
  const users = [
    { user: 'anna', secret: 'twelve bytes and more' },
    { user: 'otto', secret: 'another secret of some length' },
  ];
  const mutual = { user: 'disk', secret: 'the secret of the target' };
  const withAuth = (auth: Partial<TargetSpec['auth']> = {}) => new Bench({}, { auth: { users, ...auth } });

  /** As far as the challenge. */
  function challenge(host: Host, algorithms: string): Map<string, string> {
    host.login(0x81, host.names({ AuthMethod: 'CHAP,None' }));
    const method = host.one();
    assert.deepEqual([method.flags, parseText(method.data).get('AuthMethod')], [0, 'CHAP']);
    host.login(0x00, { CHAP_A: algorithms });
    const told = host.one();
    assert.equal(told.w36, 0);
    return parseText(told.data);
  }

  for (const algorithm of [5, 6, 7, 8]) {
    it(`asks for a proof with ${HASHES[algorithm]}`, () => {
      const bench = withAuth();
      const host = bench.connect();
      const keys = challenge(host, `99,${algorithm}`);
      assert.equal(keys.get('CHAP_A'), String(algorithm));
      const answer = proof(algorithm, Number(keys.get('CHAP_I')), users[1].secret, hex(keys.get('CHAP_C')));
      host.login(0x81, { CHAP_N: 'otto', CHAP_R: answer });
      assert.deepEqual([host.one().flags, bench.device.open_.size], [0x81, 0]);
      host.login(0x87, {});
      assert.deepEqual([host.one().flags, bench.device.open_.size], [0x87, 1]);
      assert.equal(bench.node.sessions()[0].user, 'otto');
    });
  }

  it('takes no algorithm that is not accepted', () => {
    const bench = withAuth({ algorithms: [7, 8] });
    const host = bench.connect();
    assert.equal(challenge(host, '5,6,7').get('CHAP_A'), '7');
    const old = bench.connect();
    old.login(0x00, old.names({ AuthMethod: 'CHAP' }));
    old.told();
    old.login(0x00, { CHAP_A: '5,6' });
    assert.equal(old.one().w36 >>> 16, 0x0201);
  });

  it('refuses whoever proves nothing, or something else', () => {
    const bench = withAuth({ mutual });
    assert.equal(status(bench, names(bench)), 0x0201, 'skips the stage');
    assert.equal(status(bench, names(bench), 0x83), 0x0201, 'offers nothing');
    assert.equal(status(bench, names(bench, { AuthMethod: 'None' }), 0x83), 0x0201);
    assert.equal(status(bench, names(bench, { AuthMethod: 'KRB5,SRP' }), 0x83), 0x0201);
    const wrong = (answer: (keys: Map<string, string>) => Record<string, string>): number => {
      const host = bench.connect();
      const keys = challenge(host, '7');
      host.login(0x83, answer(keys));
      return host.one().w36 >>> 16;
    };
    const right = (keys: Map<string, string>, secret = users[0].secret) =>
      proof(7, Number(keys.get('CHAP_I')), secret, hex(keys.get('CHAP_C')));
    assert.equal(
      wrong(() => ({})),
      0x0201,
    );
    assert.equal(
      wrong((keys) => ({ CHAP_N: 'anna', CHAP_R: right(keys, 'guess') })),
      0x0201,
    );
    assert.equal(
      wrong((keys) => ({ CHAP_N: 'otto', CHAP_R: right(keys) })),
      0x0201,
      "another user's secret",
    );
    assert.equal(
      wrong((keys) => ({ CHAP_N: 'nobody', CHAP_R: right(keys, 'nobody') })),
      0x0201,
    );
    assert.equal(
      wrong((keys) => ({ CHAP_N: 'anna', CHAP_R: right(keys), CHAP_I: '3', CHAP_C: keys.get('CHAP_C') ?? '' })),
      0x0201,
      'our own challenge',
    );
    assert.equal(
      wrong((keys) => ({ CHAP_N: 'anna', CHAP_R: right(keys), CHAP_I: '256', CHAP_C: '0x01' })),
      0x0201,
    );
    assert.equal(
      wrong((keys) => ({ CHAP_N: 'anna', CHAP_R: right(keys), CHAP_I: '1' })),
      0x0201,
    );
    assert.equal(bench.device.open_.size, 0);
    const said = bench.notices.join('\n');
    for (const { secret } of [...users, mutual]) assert.ok(!said.includes(secret));
  });

  it('proves itself where it is asked to, with a secret of its own', () => {
    const host = withAuth({ mutual }).connect();
    const keys = challenge(host, '8');
    const answer = proof(8, Number(keys.get('CHAP_I')), users[0].secret, hex(keys.get('CHAP_C')));
    host.login(0x83, { CHAP_N: 'anna', CHAP_R: answer, CHAP_I: '200', CHAP_C: '0b3q2+7w==' });
    const told = host.one();
    const back = parseText(told.data);
    assert.equal(told.flags, 0x83);
    assert.equal(back.get('CHAP_N'), 'disk');
    assert.equal(back.get('CHAP_R'), proof(8, 200, mutual.secret, Buffer.from('deadbeef', 'hex')));
  });

  it("does not prove itself without a secret, or with one that is an initiator's too", () => {
    for (const other of [undefined, { user: 'disk', secret: users[0].secret }]) {
      const host = withAuth(other ? { mutual: other } : {}).connect();
      const keys = challenge(host, '7');
      const answer = proof(7, Number(keys.get('CHAP_I')), users[0].secret, hex(keys.get('CHAP_C')));
      host.login(0x83, { CHAP_N: 'anna', CHAP_R: answer, CHAP_I: '1', CHAP_C: '0x00' });
      assert.equal(host.one().w36 >>> 16, 0x0201);
    }
  });

  it('asks discovery for what discovery has to prove', () => {
    const bench = new Bench({ discoveryAuth: { users } });
    const keys = { InitiatorName: 'iqn.2024-01.example:a', SessionType: 'Discovery' };
    assert.equal(status(bench, keys), 0x0201);
    assert.equal(status(bench, names(bench, { TargetName: TARGET })), 0);
  });
});
