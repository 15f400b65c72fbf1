import assert from 'node:assert/strict';
import { Fault } from '../../../../src/base/fault.ts';
import { SERVE_DEFAULTS } from '../../../../src/unit/config/configServe.ts';
import type { LiveConfig, LuMedium, TapSource, TeeSource } from '../../../../src/unit/config/configTypes.ts';
import { judgeOffers, lookAtOffers, offeredPortals } from '../../../../src/unit/doctor/doctorOffers.ts';
import type { SeenPaths } from '../../../../src/unit/doctor/doctorPaths.ts';
import type { Finding } from '../../../../src/unit/doctor/doctorTypes.ts';
import { Serve } from '../../../../src/unit/serve/serve.ts';
import type { ServeAuth, ServeTarget } from '../../../../src/unit/serve/serveTypes.ts';

const TARGET = 'iqn.2024-01.example:disk';
const LU = `${TARGET}/1`;
const [A, B, C] = ['10.0.0.2:3260', '10.0.0.3:3260', '[fd00::2]:3260'];

function warnings(findings: readonly Finding[]): string[] {
  return findings.filter(({ level }) => level === 'warn').map(({ words, mend }) => `${words}; ${mend}`);
}

describe('H4 doctor, where a target says that it is', () => {
  describe('asked of a target', () => {
    let serve: Serve<undefined>;
    afterEach(() => serve.close(0));

    const auth = (user: string): ServeAuth => ({ users: [{ user, secret: `the secret of ${user}` }] });

    async function target(one: Partial<ServeTarget<undefined>>, discovery?: ServeAuth): Promise<void> {
      const allow = { initiators: [], networks: [] };
      const other = { name: `${TARGET}-2`, portals: ['10.9.9.9:3260'], luns: [], allow };
      serve = await Serve.open<undefined>({
        options: {
          listen: ['127.0.0.1:0'],
          targets: [{ name: TARGET, portals: [B, C, A], luns: [], allow, ...one }, other],
          ...(discovery === undefined ? {} : { discovery }),
          limits: {},
          ...SERVE_DEFAULTS,
        },
        open: () => assert.fail('there is nothing to open'),
        statePath: () => undefined,
        nameless: () => 'x',
        notice: () => {},
      });
    }

    function first(user?: string): LuMedium {
      const port = Number(serve.portals[0].split(':')[1]);
      const proof = user === undefined ? {} : { user, secret: `the secret of ${user}` };
      const url = { host: '127.0.0.1', port, target: TARGET, lun: 1, ...proof };
      return { kind: 'lu', to: 'iscsi://the-first', url, digests: { header: true, data: true } };
    }

    it('by discovery: its own addresses, and not those of others', async () => {
      await target({});
      assert.deepEqual(await offeredPortals(first()), [A, B, C]);
    });

    it('in an ordinary session where discovery is closed to one who may log in (RFC 7143 appendix C)', async () => {
      await target({ auth: auth('joe') }, auth('nobody'));
      assert.deepEqual(await offeredPortals(first('joe')), [A, B, C]);
    });

    it('or says why not; the secret is in no words', async () => {
      await target({ auth: auth('joe') }, auth('nobody'));
      await assert.rejects(offeredPortals(first('ann')), (error) => {
        return (
          error instanceof Fault && /refuses the login/.test(error.message) && !/the secret of/.test(error.message)
        );
      });
      const volume = { lu: LU, portals: [], first: first('ann'), mirrors: [] };
      const source = { kind: 'tap', interfaces: ['t0'], portals: [] };
      const findings = await lookAtOffers({ source, volumes: [volume] } as unknown as LiveConfig, undefined);
      assert.match(findings[0].words, /where else its target is cannot be asked: .*refuses the login/);
      assert.equal(findings[0].level, 'ok');
    });

    it('once for all volumes of it', async () => {
      await target({});
      const volumes = [1, 2].map((lun) => ({ lu: `${TARGET}/${lun}`, portals: [], first: first(), mirrors: [] }));
      const source = { kind: 'tee', listen: '10.0.0.1:3260', target: A };
      const findings = await lookAtOffers({ source, volumes } as unknown as LiveConfig, undefined);
      assert.deepEqual(
        findings.map(({ subject, level }) => [subject, level]),
        [1, 2].flatMap((lun) => ['ok', 'warn', 'warn'].map((level) => [`${TARGET}/${lun}`, level])),
      );
    });
  });

  describe('against what is tapped', () => {
    const tap = (portals: string[]) => ({ kind: 'tap', interfaces: ['t0'], portals }) as unknown as TapSource;
    const volume = (portals: string[] = []) => ({ lu: LU, portals });
    const seen = (...portals: string[]): SeenPaths => {
      const named = { host: 'iqn.2024-01.example:host', target: TARGET, named: true, connections: 1, volumes: [LU] };
      return { by: 'unit', sessions: portals.map((portal) => ({ ...named, portal })), others: [] };
    };

    it('finds nothing wrong where every portal passes the filter and is used', () => {
      assert.deepEqual(warnings(judgeOffers(volume(), [A, B], tap([A, B]), seen(A, B))), []);
      assert.deepEqual(warnings(judgeOffers(volume(), [A, B], tap([]), seen(A, B))), []);
    });

    it('names a portal that the filter leaves out, whether or not anybody was seen', () => {
      for (const paths of [undefined, seen(A)]) {
        const [found, ...more] = warnings(judgeOffers(volume(), [A, B], tap([A]), paths));
        assert.match(
          found,
          /offers it at 10\.0\.0\.3:3260 too, which source\.tap\.portals leaves out: .*not mirrored; add/,
        );
        assert.deepEqual(more, []);
      }
    });

    it('names a portal where nobody is seen while others are used', () => {
      const found = warnings(judgeOffers(volume(), [A, C], tap([]), seen(A)));
      assert.equal(found.length, 1);
      assert.match(found[0], /at \[fd00::2\]:3260 too, where nobody is seen/);
      // Where none is seen at all, or nobody listened, that is told once, of the volume.
      assert.deepEqual(warnings(judgeOffers(volume(), [A, C], tap([]), seen())), []);
      assert.deepEqual(warnings(judgeOffers(volume(), [A, C], tap([]), undefined)), []);
    });

    it('believes an operator who names the portals that hosts use', () => {
      assert.deepEqual(warnings(judgeOffers(volume([A]), [A, B], tap([A]), seen(A))), []);
    });
  });

  it('against a tee: names each way that passes it by', () => {
    const tee = { kind: 'tee', listen: '10.0.0.1:3260', target: A } as TeeSource;
    const found = warnings(judgeOffers({ lu: LU, portals: [] }, [A, B], tee, undefined));
    assert.equal(found.length, 1);
    assert.match(
      found[0],
      /at 10\.0\.0\.3:3260 too: a host that goes there passes the tee by.*; let nobody but the unit reach/,
    );
    assert.deepEqual(warnings(judgeOffers({ lu: LU, portals: [A] }, [A, B], tee, undefined)), []);
  });
});
