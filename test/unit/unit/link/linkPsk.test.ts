import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Fault } from '../../../../src/base/fault.ts';
import { loadLiveConfig } from '../../../../src/unit/config/config.ts';
import { ConfigFault } from '../../../../src/unit/config/configFault.ts';
import type { LinkProof, LinkPsk } from '../../../../src/unit/link/journeyTypes.ts';
import { openJourneyVolume } from '../../../../src/unit/link/journeyVolume.ts';
import type { LinkService } from '../../../../src/unit/link/receiverTypes.ts';
import { MemoryFarStore } from '../../../kit/farStore.ts';
import { Authority, journeyOptions, serve, until } from '../../../kit/journey.ts';

const NEAR = { name: 'near', key: randomBytes(32) };
const OTHER = { name: 'other', key: randomBytes(32) };

function psk(...keys: { name: string; key: Uint8Array }[]): LinkPsk {
  return { psk: keys };
}

describe('D1 pre-shared keys', () => {
  let store: MemoryFarStore;
  let service: LinkService;
  let port: number;
  let notices: string[];

  beforeEach(async () => {
    store = new MemoryFarStore(65536);
    ({ service, port, notices } = await serve(psk({ name: 'far', key: randomBytes(32) }, NEAR, OTHER), {
      vol1: store,
    }));
  });

  afterEach(() => service.close());

  const refused = async (keys: LinkProof, near: RegExp, far: RegExp, at = port): Promise<void> => {
    await assert.rejects(openJourneyVolume(journeyOptions(at, keys)), (fault: Fault) => {
      assert.match(`${fault.message}; ${fault.mend}`, near);
      return true;
    });
    await until(() => notices.some((text) => far.test(text)), `${far}: ${notices.join('\n')}`);
    assert.equal(store.seen.length, 0);
    const said = `${notices.join('\n')}`;
    for (const { key } of [NEAR, OTHER]) assert.ok(!said.includes(Buffer.from(key).toString('hex')));
  };

  it('join two units over TLS 1.3, which know each other by them', async () => {
    const volume = await openJourneyVolume(journeyOptions(port, psk(NEAR)));
    const pieces = [{ offset: 512, length: 512, payload: [new Uint8Array(512).fill(7)] }];
    await volume.append({ kind: 'change', at: 1n, pieces, consistent: true });
    assert.equal(store.contents[600], 7);
    assert.equal(service.sender('vol1')?.peer, 'near');
    await volume.close();
  });

  it('are TLS 1.3 and keep their secrets apart from them (RFC 8446 section 2.2: with a key exchange)', async () => {
    const options = { host: '127.0.0.1', port, checkServerIdentity: () => undefined };
    const pskCallback = () => ({ psk: NEAR.key, identity: NEAR.name });
    const socket = await new Promise<TLSSocket>((resolve, reject) => {
      const one: TLSSocket = connectTls({ ...options, minVersion: 'TLSv1.3', pskCallback }, () => resolve(one));
      one.on('error', reject);
    });
    assert.equal(socket.getProtocol(), 'TLSv1.3');
    assert.equal((socket.getEphemeralKeyInfo() as { type?: string }).type, 'ECDH');
    socket.destroy();
    const old = { ...options, maxVersion: 'TLSv1.2' as const, ciphers: 'PSK+HIGH:@SECLEVEL=0', pskCallback };
    const error = await new Promise<Error>((resolve) => connectTls(old).on('error', resolve));
    assert.match(error.message, /protocol version|alert/i);
  });

  it('that are others, or of units that nobody knows, are refused with words at both ends', async () => {
    await refused(
      psk({ name: 'near', key: randomBytes(32) }),
      /has another key for this unit's name .*; both units need the same line in the file of `psk`/,
      /has another key than this unit for the name that it gives/,
    );
    await refused(
      psk({ name: 'stranger', key: NEAR.key }),
      /does not know this unit's pre-shared key, or wants one/,
      /shows no pre-shared key that is known here/,
    );
  });

  it('do not go together with certificates', async () => {
    const authority = await Authority.make();
    const near = await authority.unit('near');
    await refused(near, /does not know this unit's pre-shared key, or wants one/, /shows no pre-shared key/);
    const other = await serve(await authority.unit('far'), { vol1: store });
    await assert.rejects(openJourneyVolume(journeyOptions(other.port, psk(NEAR))), (fault: Fault) =>
      /certificate|pre-shared/.test(fault.message),
    );
    await other.service.close();
  });

  it('are what the other end has to prove, too', async () => {
    const server = createServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end('hello'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const at = (server.address() as { port: number }).port;
    await assert.rejects(openJourneyVolume(journeyOptions(at, psk(NEAR))), /does not speak TLS there|broke/);
    await new Promise((resolve) => server.close(resolve));
  });

  describe('in the configuration', () => {
    let folder: string;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'tapmirror-psk-'));
    });

    afterEach(() => rm(folder, { recursive: true }));

    const load = async (text: string, tls: object = {}) => {
      await writeFile(join(folder, 'units.psk'), text, { mode: 0o600 });
      const volumes = [{ name: 'vol1', mirrors: ['file:far.img'] }];
      const config = {
        receive: { listen: '127.0.0.1:7260' },
        state: 'state',
        tls: { psk: 'units.psk', ...tls },
        volumes,
      };
      await writeFile(join(folder, 'far.json'), JSON.stringify(config), { mode: 0o600 });
      return loadLiveConfig(join(folder, 'far.json'));
    };

    const hex = (one: { key: Uint8Array }): string => Buffer.from(one.key).toString('hex');

    it('are lines of a name and a key, the own one first', async () => {
      const config = await load(`# units\nnear:${hex(NEAR)}\n\nother:${hex(OTHER).toUpperCase()}\n`);
      assert.deepEqual(config.tls, { psk: [NEAR, OTHER] });
      assert.deepEqual(config.warnings, []);
      await chmod(join(folder, 'units.psk'), 0o644);
      assert.match((await loadLiveConfig(join(folder, 'far.json'))).warnings.join(), /every user .* may read the keys/);
    });

    const wrong = async (text: string, words: RegExp, tls: object = {}): Promise<void> => {
      await assert.rejects(load(text, tls), (fault: ConfigFault) => {
        assert.ok(fault instanceof ConfigFault);
        assert.match(fault.mistakes.join('\n'), words);
        assert.ok(!fault.mistakes.join('\n').includes(hex(NEAR).slice(0, 20)));
        return true;
      });
    };

    it('are told by their lines where they are wrong, and never shown', async () => {
      await wrong('', /there is no key in units\.psk; write lines NAME:KEY/);
      await wrong(`near:${hex(NEAR).slice(0, 62)}`, /line 1 of units\.psk is not a unit's name and key/);
      await wrong(`near ${hex(NEAR)}`, /line 1 of units\.psk/);
      await wrong(`near:${hex(NEAR)}\nnear:${hex(OTHER)}`, /two keys of unit near/);
      await wrong(`near:${hex(NEAR)}`, /by certificates or by a pre-shared key/, { ca: 'ca.crt' });
      await wrong(`near:${hex(NEAR)}`, /nowhere\.psk/, { psk: 'nowhere.psk' });
    });
  });
});
