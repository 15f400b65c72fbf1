import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { preamble, sealFrame } from '../../../../parsers/formats/linkFrame.ts';
import { helloFrame } from '../../../../parsers/formats/linkGreeting.ts';
import { ackFrame } from '../../../../parsers/formats/linkRequests.ts';
import type { Fault } from '../../../../src/base/fault.ts';
import type { LinkKeys } from '../../../../src/unit/link/journeyTypes.ts';
import { openJourneyVolume } from '../../../../src/unit/link/journeyVolume.ts';
import { serveLink } from '../../../../src/unit/link/receiver.ts';
import type { LinkService } from '../../../../src/unit/link/receiverTypes.ts';
import { MemoryFarStore } from '../../../kit/farStore.ts';
import { Authority, journeyOptions, monotonic, serve, until, validity } from '../../../kit/journey.ts';

const HELLO = {
  volume: 'vol1',
  unit: 'u',
  epoch: '00000000-0000-4000-8000-000000000001',
  durable: 0,
  incarnation: undefined,
  bytes: 0,
  blockSize: 512,
  compression: [],
  hashes: ['sha256'] as const,
};

/** A certificate as OpenSSL's own tool makes it: for another purpose, or for none. */
function byOpenssl(folder: string, ca: LinkKeys, extensions: string): LinkKeys {
  const path = (name: string): string => join(folder, name);
  writeFileSync(path('ca.crt'), ca.cert);
  writeFileSync(path('ca.key'), ca.key, { mode: 0o600 });
  writeFileSync(path('ext'), extensions);
  const openssl = (...words: string[]): void => void execFileSync('openssl', words, { stdio: 'pipe' });
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path('u.key'));
  openssl('req', '-new', '-key', path('u.key'), '-subj', '/CN=u', '-out', path('u.csr'));
  const sign = ['-req', '-in', path('u.csr'), '-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-CAcreateserial'];
  openssl('x509', ...sign, '-days', '1', '-extfile', path('ext'), '-out', path('u.crt'));
  const read = (name: string): string => readFileSync(path(name), 'utf8');
  return { ca: ca.ca, cert: read('u.crt'), key: read('u.key') };
}

describe('D1 strangers at a journey link', () => {
  let authority: Authority;
  let other: Authority;
  let keysA: LinkKeys;
  let keysB: LinkKeys;
  let store: MemoryFarStore;
  let service: LinkService;
  let port: number;
  let notices: string[];
  let folder: string;

  before(async () => {
    authority = await Authority.make();
    other = await Authority.make();
    keysA = await authority.unit('a');
    keysB = await authority.unit('b');
    folder = mkdtempSync(join(tmpdir(), 'tapmirror-link-'));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  beforeEach(async () => {
    store = new MemoryFarStore(65536);
    ({ service, port, notices } = await serve(keysB, { vol1: store }));
  });

  afterEach(async () => {
    await service.close();
    assert.equal(store.seen.length, 0, 'nothing was changed');
  });

  const refused = async (keys: LinkKeys, words: RegExp, unreachable: boolean): Promise<void> => {
    await assert.rejects(openJourneyVolume(journeyOptions(port, keys)), (fault: Fault) => {
      assert.match(`${fault.message}; ${fault.mend}`, words);
      assert.equal(fault.unreachable, unreachable);
      return true;
    });
  };

  it('with a certificate of another authority get nothing, and both ends say why', async () => {
    const stranger = await other.unit('a');
    // It knows our authority, so that it is ours to find it out.
    await refused(
      { ...stranger, ca: authority.ca },
      /before it said anything|broke the connection off|unknown.*authority|does not know the authority/,
      true,
    );
    await until(() => notices.length > 0);
    assert.match(
      notices[0],
      /127\.0\.0\.1:\d+ has a certificate of another authority .*; both units need certificates of one authority/,
    );
  });

  it('are refused by the sender too', async () => {
    await refused(await other.unit('a'), /has a certificate of another authority/, false);
  });

  it('without a certificate get nothing', async () => {
    const wire = connectTcp(port, '127.0.0.1');
    const socket = connectTls({ socket: wire, ca: authority.ca, checkServerIdentity: () => undefined });
    socket.on('secureConnect', () =>
      socket.write(Buffer.concat([preamble(), ...sealFrame(helloFrame({ ...HELLO }), 0)])),
    );
    const heard: Buffer[] = [];
    socket.on('data', (bytes) => heard.push(bytes));
    const error = await new Promise<Error | undefined>((resolve) => {
      socket.on('error', resolve);
      socket.on('close', () => resolve(undefined));
    });
    assert.match(error?.message ?? '', /certificate required/);
    assert.equal(Buffer.concat(heard).length, 0);
    await until(() => notices.length > 0);
    assert.match(notices[0], /showed no certificate/);
  });

  it('with a certificate that is over, or of an authority itself, or for another purpose, get nothing', async () => {
    await refused(await authority.unit('old', validity(-3, -1)), /before it said anything|broke|is over/, true);
    await until(() => notices.length > 0);
    assert.match(notices[0], /has a certificate that is over/);
    await refused(authority.own, /before it said anything|broke/, true);
    await until(() => notices.length > 1);
    assert.match(notices[1], /another purpose|authority's certificate as its own/);
    const none = byOpenssl(folder, authority.own, 'basicConstraints=CA:FALSE\n');
    await refused(none, /before it said anything|broke/, true);
    await until(() => notices.length > 2);
    assert.match(notices[2], /no unit's/);
    const mail = byOpenssl(folder, authority.own, 'extendedKeyUsage=emailProtection\n');
    await refused(mail, /before it said anything|broke/, true);
  });

  it('that speak no TLS 1.3, or no TLS, get nothing', async () => {
    const wire = connectTcp(port, '127.0.0.1');
    wire.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) =>
      wire
        .on('close', resolve)
        .on('error', () => undefined)
        .resume(),
    );
    await until(() => notices.length > 0);
    assert.match(notices[0], /journey link refused/);
    const old = connectTls({
      ...keysA,
      host: '127.0.0.1',
      port,
      maxVersion: 'TLSv1.2',
      checkServerIdentity: () => undefined,
    });
    const error = await new Promise<Error>((resolve) => old.on('error', resolve));
    assert.match(error.message, /protocol version|alert/i);
  });

  it('are told of once in a while, however often they come', async () => {
    const stranger = { ...(await other.unit('a')), ca: authority.ca };
    for (let n = 0; n < 5; n++) await assert.rejects(openJourneyVolume(journeyOptions(port, stranger)));
    await until(() => notices.length > 0);
    assert.equal(notices.length, 1);
  });

  it('ask for volumes that are not there, or with other blocks', async () => {
    await assert.rejects(openJourneyVolume(journeyOptions(port, keysA, { volume: 'vol9' })), (fault: Fault) => {
      assert.match(fault.message, /there is no volume vol9 here/);
      return !fault.unreachable && fault.mend !== undefined;
    });
    assert.match(notices.join('\n'), /volume vol9, unit a\): refused: there is no volume vol9 here/);
    store = new MemoryFarStore(65536, 4096);
    const second = await serve(keysB, { vol1: store });
    await assert.rejects(
      openJourneyVolume(journeyOptions(second.port, keysA)),
      /blocks of 4096 bytes here, and of 512 at the sender/,
    );
    await second.service.close();
  });

  it('send frames again, or what is no frame: they are refused with words', async () => {
    const talk = async (...frames: readonly Uint8Array[]): Promise<void> => {
      const wire = connectTcp(port, '127.0.0.1');
      const socket = connectTls({ ...keysA, socket: wire, checkServerIdentity: () => undefined });
      socket.on('error', () => undefined);
      for (const bytes of frames) socket.write(bytes);
      await new Promise((resolve) => socket.on('close', resolve).resume());
    };
    const hello = sealFrame(helloFrame({ ...HELLO }), 0);
    await talk(preamble(), ...hello, ...hello);
    assert.match(notices.at(-1) ?? '', /refused: a frame that came before: number 0, and 1 is due/);
    await talk(Buffer.from('this is something else entirely'));
    assert.match(notices.at(-1) ?? '', /refused: this is no journey link/);
    await talk(preamble(), ...sealFrame(ackFrame(1), 0));
    assert.match(notices.at(-1) ?? '', /refused: ack in place of a greeting/);
    await talk(preamble(), ...hello, ...sealFrame(ackFrame(1), 1));
    assert.match(notices.at(-1) ?? '', /refused: ack/);
  });

  it('are what a sender meets at a port that is not a unit, or where nobody is', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.resume().end('220 mail.example ESMTP\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port: mail } = server.address() as { port: number };
    await assert.rejects(
      openJourneyVolume(journeyOptions(mail, keysA)),
      /does not speak TLS there|broke the connection/,
    );
    await new Promise((resolve) => server.close(resolve));
    await assert.rejects(openJourneyVolume(journeyOptions(mail, keysA)), (fault: Fault) => {
      assert.match(fault.message, /refuses the connection/);
      return fault.unreachable;
    });
  });

  it('are kept out by keys that belong together; a port that is taken is told', async () => {
    const mixed = { ...keysA, key: keysB.key };
    await assert.rejects(openJourneyVolume(journeyOptions(port, mixed)), (fault: Fault) => {
      assert.match(fault.message, /certificate and key of the journey link cannot be used/);
      assert.doesNotMatch(fault.message, /PRIVATE/);
      return !fault.unreachable;
    });
    const options = { keys: keysB, stores: () => store, notice: () => undefined, now: monotonic };
    await assert.rejects(
      serveLink({ ...options, listen: { host: '127.0.0.1', port } }),
      /something listens there already/,
    );
    await assert.rejects(
      serveLink({ ...options, keys: mixed, listen: { host: '127.0.0.1', port: 0 } }),
      /cannot be used/,
    );
  });
});
