import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { lstatSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { initKeys, unitKeys } from '../../../hw/keys.ts';
import { faultOf } from './faults.ts';

const NOW = Date.now();
const DAY_MS = 86_400_000;

let folder: string;
let keys: string;

function read(name: string, from = keys): Buffer {
  return readFileSync(join(from, name));
}

function certificate(name: string): X509Certificate {
  return new X509Certificate(read(`${name}.crt`));
}

/** The name that the server saw in a handshake, both sides with a certificate; rejects when it refused. */
async function handshake(own: { folder: string; name: string } | undefined): Promise<string> {
  const server = createServer({
    ca: read('ca.crt'),
    cert: read('b.crt'),
    key: read('b.key'),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const pair = own && { cert: read(`${own.name}.crt`, own.folder), key: read(`${own.name}.key`, own.folder) };
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: read('ca.crt'),
    ...pair,
    checkServerIdentity: () => undefined,
  });
  socket.on('error', () => {});
  try {
    return await new Promise<string>((resolve, reject) => {
      server.on('secureConnection', (peer: TLSSocket) => resolve(String(peer.getPeerCertificate().subject.CN)));
      server.on('tlsClientError', reject);
    });
  } finally {
    socket.destroy();
    server.close();
  }
}

describe('D1 keys of units', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-keys-'));
    keys = join(folder, 'made', 'keys');
    await initKeys(keys, 3650, NOW);
    await unitKeys(keys, 'a', 730, NOW);
    await unitKeys(keys, 'b', 730, NOW);
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  it('lie in a folder of the user, private ones for the user alone', async () => {
    assert.deepEqual((await readdir(keys)).sort(), ['a.crt', 'a.key', 'b.crt', 'b.key', 'ca.crt', 'ca.key']);
    assert.equal(lstatSync(keys).mode & 0o777, 0o700);
    for (const name of ['a', 'b', 'ca']) {
      assert.equal(lstatSync(join(keys, `${name}.key`)).mode & 0o777, 0o600);
      assert.match(read(`${name}.key`).toString(), /^-----BEGIN PRIVATE KEY-----/);
    }
  });

  it('are what RFC 5280 asks of an authority and of those who prove themselves by it', () => {
    const [ca, a, b] = ['ca', 'a', 'b'].map(certificate);
    assert.equal(ca.ca, true);
    assert.equal(a.ca, false);
    assert.ok(ca.verify(ca.publicKey) && a.verify(ca.publicKey) && a.checkIssued(ca));
    assert.equal(a.subject, 'CN=a');
    assert.deepEqual(a.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    assert.equal(a.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
    assert.notEqual(a.serialNumber, b.serialNumber);
    assert.equal(Date.parse(a.validTo), Math.floor(NOW / 1000) * 1000 + 730 * DAY_MS);
    assert.equal(Date.parse(ca.validTo), Math.floor(NOW / 1000) * 1000 + 3650 * DAY_MS);
    assert.ok(Date.parse(a.validFrom) < NOW - 60_000, 'a clock that is a little late does not matter');
  });

  it('are taken at the other end of a link, those of another authority and none are not', async () => {
    assert.equal(await handshake({ folder: keys, name: 'a' }), 'a');
    const other = join(folder, 'other');
    await initKeys(other, 10, NOW);
    await unitKeys(other, 'a', 10, NOW);
    await assert.rejects(handshake({ folder: other, name: 'a' }));
    await assert.rejects(handshake(undefined));
  });

  it('end with their authority at the latest', async () => {
    const short = join(folder, 'short');
    const { to } = await initKeys(short, 5, NOW);
    const made = await unitKeys(short, 'a', 730, NOW);
    assert.deepEqual([made.to, made.cut], [to, true]);
    assert.equal((await unitKeys(short, 'b', 5, NOW)).cut, false);
    await assert.rejects(unitKeys(short, 'c', 5, NOW + 6 * DAY_MS), faultOf(/the authority in .* ended on/));
    assert.ok(!(await readdir(short)).includes('c.key'));
  });

  it('are never overwritten', async () => {
    const before = read('a.key');
    await assert.rejects(unitKeys(keys, 'a', 1, NOW), faultOf(/a\.crt is there already and is not overwritten/));
    await assert.rejects(initKeys(keys, 1, NOW), faultOf(/ca\.crt is there already/, /another name or folder/));
    assert.deepEqual(read('a.key'), before);
    const half = join(folder, 'half');
    await mkdir(half);
    await writeFile(join(half, 'ca.key'), 'mine');
    await assert.rejects(initKeys(half, 1, NOW), faultOf(/ca\.key is there already/));
    assert.deepEqual(await readdir(half), ['ca.key']);
  });

  it('need a name, an authority and its own key; no message has a key in it', async () => {
    for (const name of ['', 'ca', '../x', 'a/b', '.hidden', 'x'.repeat(64)]) {
      await assert.rejects(unitKeys(keys, name, 1, NOW), faultOf(/is not a name for a unit/));
    }
    await assert.rejects(unitKeys(join(folder, 'none'), 'a', 1, NOW), faultOf(/does not exist/, /keys init FOLDER/));
    const mixed = join(folder, 'mixed');
    await mkdir(mixed);
    await writeFile(join(mixed, 'ca.crt'), read('ca.crt'));
    await writeFile(join(mixed, 'ca.key'), read('a.key'));
    await assert.rejects(unitKeys(mixed, 'z', 1, NOW), faultOf(/ca\.key is not the key of .*ca\.crt/));
    await writeFile(join(mixed, 'ca.crt'), read('a.crt'));
    await assert.rejects(unitKeys(mixed, 'z', 1, NOW), faultOf(/is no authority's certificate/));
    await writeFile(join(mixed, 'ca.key'), 'PRIVATE words');
    await assert.rejects(unitKeys(mixed, 'z', 1, NOW), (error: Error) => !error.message.includes('words'));
  });
});
