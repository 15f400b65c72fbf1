import assert from 'node:assert/strict';
import type { Said } from './tapChild.ts';
import { sh, TapLab, type TapProcess, whyNot } from './tapLab.ts';

const PORT = '14300';
const MiB = 2 ** 20;

describe('A2 a live tap', function () {
  this.timeout(180_000);
  let lab: TapLab;

  before(async function () {
    const reason = await whyNot();
    if (reason === undefined) return;
    if (process.env.TAPMIRROR_LIVE === 'required') assert.fail(`the live tests cannot run: ${reason}`);
    console.log(`    skipped: ${reason}`);
    this.skip();
  });
  beforeEach(() => {
    lab = new TapLab();
  });
  afterEach(() => lab.close());

  /** Two hosts on one cable, 10.99.1.1 and 10.99.1.2. */
  function twoHosts(): { host: string; target: string } {
    const host = lab.space();
    const target = lab.space();
    lab.cable(host, 'h0', '10.99.1.1/24', target, 't0', '10.99.1.2/24');
    return { host, target };
  }

  const inOrder = (count: number, times = 1): number[] =>
    Array.from({ length: count * times }, (_, i) => Math.floor(i / times));
  /** Ethernet, IPv4 and UDP headers. */
  const UDP_BODY = 42;
  const sum = (drops: Said['drops']): number => (drops?.kernel ?? 0) + (drops?.own ?? 0) + (drops?.interface ?? 0);

  /**
   * Ends the tap once it has heard this much of the portal, as an end waits for little; it heard nobody else. A busy machine
   * sends some of it twice.
   */
  async function onlyPayload(tap: TapProcess, bytes: number): Promise<Said> {
    await tap.until(({ payload = {} }) => payload[PORT] >= bytes);
    const end = await tap.stop();
    const { payload = {} } = end;
    assert.deepEqual(Object.keys(payload), [PORT]);
    assert.ok(payload[PORT] < bytes * 1.2, `${payload[PORT]} of ${bytes}`);
    return end;
  }

  it('hands out every frame once and in order, and asks buffers back before it uses them again', async () => {
    const { host } = twoHosts();
    const tap = await lab.tap(host, { interfaces: ['h0'], filter: `udp port ${PORT}`, numberAt: UDP_BODY });
    await lab.whole(host, 'flood', '10.99.1.2', PORT, '30000', '1400');
    // An end is not waited for as long as it may take a busy machine to hand out all of it.
    await tap.until(({ frames }) => frames === 30000);
    const end = await tap.stop();
    assert.deepEqual(end.numbers, inOrder(30000));
    assert.deepEqual(end.told, { kernel: 0, interface: 0, own: 0, blind: 0 });
    assert.deepEqual([end.backwards, end.unannounced, end.cut], [0, 0, 0]);
    assert.ok((end.reused ?? 0) > 20, `${end.reused} buffers were asked back`);
    assert.equal(end.interfaces?.[0].frames, 30000);
  });

  it('hears a portal through the kernel filter, both directions and nothing else', async () => {
    const { host, target } = twoHosts();
    const tap = await lab.tap(target, { interfaces: ['t0'], portals: [`10.99.1.2:${PORT}`] });
    await lab.traffic(target, 'serve', '10.99.1.2', PORT);
    await lab.traffic(target, 'serve', '10.99.1.2', '14301');
    await lab.whole(host, 'ping', '10.99.1.2', '14301', '20', '64');
    await lab.whole(host, 'ping', '10.99.1.2', PORT, '200', '64');
    await onlyPayload(tap, 200 * 64 * 2);
  });

  it('says how far time has come while the bus is silent', async () => {
    const { target } = twoHosts();
    const tap = await lab.tap(target, { interfaces: ['t0', 'lo'], portals: [`10.99.1.2:${PORT}`] });
    const behind = async () => (await tap.until(() => true)).quietBehindMs as number;
    await tap.until(({ quietBehindMs = 1e9 }) => quietBehindMs < 1000);
    const first = Date.now() - (await behind());
    await tap.until(({ quietBehindMs = 1e9 }) => Date.now() - quietBehindMs > first + 300);
    assert.ok((await behind()) >= 0, 'never ahead of the clock');
  });

  it('merges interfaces by time; one that is silent holds nobody up', async () => {
    const [host, router, target] = [lab.space(), lab.space(), lab.space()];
    lab.cable(host, 'h0', '10.99.1.1/24', router, 'm0', '10.99.1.254/24');
    lab.cable(router, 'm1', '10.99.2.254/24', target, 't0', '10.99.2.2/24');
    lab.cable(router, 'm2', '', target, 't2', '');
    sh(`ip netns exec ${router} sysctl -qw net.ipv4.ip_forward=1`);
    sh(`ip -n ${host} route add 10.99.2.0/24 via 10.99.1.254`);
    sh(`ip -n ${target} route add 10.99.1.0/24 via 10.99.2.254`);
    // The payload begins behind Ethernet, IPv4 and a TCP header with time stamps.
    const order = { interfaces: ['m1', 'm2', 'm0'], portals: [`10.99.2.2:${PORT}`], numberAt: 66 };
    const tap = await lab.tap(router, order);
    await lab.traffic(target, 'serve', '10.99.2.2', PORT);
    await lab.whole(host, 'ping', '10.99.2.2', PORT, '500', '64');
    // Seen before the tap is ended: an end would let everything go.
    await tap.until(({ payload = {} }) => payload[PORT] >= 4 * 500 * 64);
    const seen = await tap.report();
    // Every ping passes four times: in and out of the router, there and back.
    const pings = new Map<number, number>();
    for (const [i, number] of (seen.numbers ?? []).entries()) {
      assert.ok(number >= (seen.numbers?.[i - 1] ?? 0), `${number} comes after ${seen.numbers?.[i - 1]}`);
      pings.set(number, (pings.get(number) ?? 0) + 1);
    }
    assert.equal(pings.size, 500);
    assert.ok([...pings.values()].every((times) => times >= 4));
    assert.equal(seen.backwards, 0);
    await tap.stop();
  });

  it('lets every interface have its turn, however much waits in the kernel', async () => {
    const { host, target } = twoHosts();
    lab.cable(host, 'h1', '10.99.2.1/24', target, 't1', '10.99.2.2/24');
    const tap = await lab.tap(host, { interfaces: ['h0', 'h1'], filter: `udp port ${PORT}`, numberAt: UDP_BODY });
    process.kill(tap.pid, 'SIGSTOP');
    const floods = ['10.99.1.2', '10.99.2.2'].map((to) => lab.whole(host, 'flood', to, PORT, '60000', '100'));
    await Promise.all(floods);
    process.kill(tap.pid, 'SIGCONT');
    await tap.until(({ frames }) => frames === 120_000);
    const end = await tap.stop();
    assert.equal(end.backwards, 0);
    assert.deepEqual(
      end.numbers?.toSorted((a, b) => a - b),
      inOrder(60_000, 2),
    );
    assert.equal(sum(end.drops), 0);
  });

  it("keeps everything for a consumer who is late, as long as the kernel's buffer lasts", async () => {
    const { host } = twoHosts();
    const order = { interfaces: ['h0'], filter: `udp port ${PORT}`, snaplen: 2048, ringBytes: MiB, numberAt: UDP_BODY };
    const tap = await lab.tap(host, order);
    tap.do('stall');
    await lab.whole(host, 'flood', '10.99.1.2', PORT, '20000', '1000');
    const stalled = await tap.until(
      ({ interfaces, quietBehindMs = 0 }) => (interfaces?.[0].frames ?? 0) > 500 && quietBehindMs > 0,
    );
    assert.equal(stalled.level, 'full');
    tap.do('go');
    const seen = await tap.until(({ frames }) => frames === 20_000);
    assert.deepEqual([seen.cut, seen.told?.own, seen.told?.kernel], [0, 0, 0]);
    assert.deepEqual((await tap.stop()).numbers, inOrder(20_000));
  });

  it('ends while its consumer is late', async () => {
    const { host } = twoHosts();
    const order = { interfaces: ['h0'], filter: `udp port ${PORT}`, snaplen: 2048, ringBytes: MiB };
    const tap = await lab.tap(host, order);
    tap.do('stall');
    await lab.whole(host, 'flood', '10.99.1.2', PORT, '20000', '1000');
    const end = await tap.stop();
    assert.ok((end.frames ?? 0) > 500);
  });

  it('counts every frame that a consumer who is late costs, degrades in steps and recovers', async () => {
    const { host } = twoHosts();
    const small = { snaplen: 2048, ringBytes: MiB, bufferBytes: 4 * MiB };
    const order = { interfaces: ['h0'], filter: `udp port ${PORT}`, ...small, numberAt: UDP_BODY };
    const tap = await lab.tap(host, order);
    await lab.whole(host, 'flood', '10.99.1.2', PORT, '50', '1000');
    await tap.until(({ frames }) => frames === 50);
    tap.do('stall');
    // Where the machine is busy the kernel drops most of them, and the buffer is not full yet.
    let sent = 0;
    const dropping = (): boolean =>
      tap.said.some(({ kind, text = '' }) => kind === 'notice' && /are dropped/.test(text));
    while (!dropping() && sent < 400_000) {
      await lab.whole(host, 'flood', '10.99.1.2', PORT, '20000', '1000');
      sent += 20_000;
    }
    await tap.notice(/frames are dropped/);
    await tap.until(({ level, drops }) => level === 'dropping' && (drops?.own ?? 0) > 0);
    tap.do('go');
    await tap.notice(/keeps up again/);
    await lab.whole(host, 'flood', '10.99.1.2', PORT, '100', '1000');
    await tap.until(({ frames = 0, drops }) => frames + sum(drops) >= sent + 150);
    const end = await tap.stop();
    assert.equal((end.frames ?? 0) + sum(end.drops), sent + 150);
    assert.ok(sum(end.drops) > 10000, `${sum(end.drops)} were dropped`);
    assert.deepEqual(end.told, { ...end.drops, blind: 0 }, 'every drop was told');
    assert.equal(end.level, 'full');
    // Frames were cut before any was dropped, and the last ones are whole again.
    assert.equal(end.cut, end.interfaces?.[0].cut);
    assert.ok((end.cut ?? 0) > 100 && (end.cut ?? 0) < (end.frames ?? 0) - 600, `${end.cut} of ${end.frames} were cut`);
    const words = tap.said.filter(({ kind }) => kind === 'notice').map(({ text }) => text?.replace(/.*: /, '') ?? '');
    // Each change of level is told once; on its way back it may pass the one between, and fall back for what the kernel has.
    const steps = words.map((text) => text.split(' ').at(-1)).join(' ');
    assert.match(steps, /^(later dropped )+(later )?whole$/);
  });

  it("waits no longer for a consumer who is late once the kernel's buffer is full of parts that hold little", async () => {
    const { host } = twoHosts();
    const small = { snaplen: 2048, ringBytes: MiB, bufferBytes: 4 * MiB };
    const tap = await lab.tap(host, { interfaces: ['h0'], filter: `udp port ${PORT}`, ...small, numberAt: UDP_BODY });
    tap.do('stall');
    await lab.whole(host, 'flood', '10.99.1.2', PORT, '900', '1000');
    const stalled = await tap.until(({ interfaces }) => (interfaces?.[0].frames ?? 0) > 500);
    assert.equal(stalled.level, 'full');
    const dripping = lab.whole(host, 'drip', '10.99.1.2', PORT, '200', '1000');
    await tap.notice(/long frames are cut/);
    await dripping;
    tap.do('go');
    const end = await tap.until(({ frames = 0, drops }) => frames + sum(drops) === 1100);
    assert.ok((end.drops?.kernel ?? 0) > 0 && (end.cut ?? 0) > 0);
    // A part of the buffer comes free for each that was taken: few are lost between two looks.
    assert.ok(sum(end.drops) < 60, `${sum(end.drops)} were dropped`);
    await tap.stop();
  });

  it('counts what the kernel drops while the whole process is stopped', async () => {
    const { host } = twoHosts();
    const order = { interfaces: ['h0'], filter: `udp port ${PORT}`, bufferBytes: 2 * MiB, numberAt: UDP_BODY };
    const tap = await lab.tap(host, order);
    process.kill(tap.pid, 'SIGSTOP');
    await lab.whole(host, 'flood', '10.99.1.2', PORT, '10000', '1400');
    process.kill(tap.pid, 'SIGCONT');
    await tap.first(({ kind, loss }) => kind === 'loss' && (loss?.kernel ?? 0) > 0);
    await tap.until(({ frames = 0, drops }) => frames + sum(drops) >= 10000);
    const end = await tap.stop();
    assert.equal((end.frames ?? 0) + sum(end.drops), 10000);
    assert.deepEqual(end.told, { ...end.drops, blind: 0 });
    assert.ok((end.drops?.kernel ?? 0) > 5000);
  });

  it('goes on without an interface that vanishes, and with it when it comes back', async () => {
    const { host, target } = twoHosts();
    lab.cable(host, 'h1', '10.99.2.1/24', target, 't1', '10.99.2.2/24');
    const tap = await lab.tap(host, { interfaces: ['h0', 'h1'], filter: `udp port ${PORT}`, numberAt: UDP_BODY });
    await lab.whole(host, 'flood', '10.99.1.2', PORT, '10', '100');
    await tap.until(({ frames }) => frames === 10);
    sh(`ip -n ${host} link del h0`);
    await tap.notice(/h0 has vanished/);
    const gone = await tap.first(({ kind, loss }) => kind === 'loss' && (loss?.blind ?? 0) > 0);
    assert.equal(gone.loss?.kernel, 0);
    await lab.whole(host, 'flood', '10.99.2.2', PORT, '20', '100');
    await tap.until(({ frames, interfaces }) => frames === 30 && interfaces?.[0].state === 'gone');
    const from = tap.said.length;
    lab.cable(host, 'h0', '10.99.1.1/24', target, 't0', '10.99.1.2/24');
    await tap.notice(/h0 is up again/, from);
    await lab.whole(host, 'flood', '10.99.1.2', PORT, '40', '100');
    const end = await tap.until(({ frames }) => frames === 70);
    assert.equal(end.interfaces?.[0].state, 'up');
    assert.ok((end.told?.blind ?? 0) >= 2, 'going and coming are both told');
    await tap.stop();
  });

  it('waits for an interface that is down, and tells when it goes down again', async () => {
    const { host, target } = twoHosts();
    sh(`ip -n ${host} link set h0 down`);
    const tap = await lab.tap(host, { interfaces: ['h0'], filter: `udp port ${PORT}` });
    const [waiting] = tap.said.filter(({ kind }) => kind === 'notice');
    assert.match(waiting.text ?? '', /h0 is down: .*ip link set h0 up/);
    lab.address(host, 'h0', '');
    await tap.notice(/h0 is up again/);
    await lab.whole(host, 'flood', '10.99.1.2', PORT, '10', '100');
    await tap.until(({ frames }) => frames === 10);
    const from = tap.said.length;
    sh(`ip -n ${target} link set t0 down`);
    await tap.notice(/h0 has no carrier/, from);
    const end = await tap.stop();
    assert.equal(end.interfaces?.[0].state, 'down');
    assert.ok((end.told?.blind ?? 0) >= 3);
  });

  it('finds the portal in a VXLAN tunnel of the kernel', async () => {
    const { host, target } = twoHosts();
    const portals = [`10.99.8.2:${PORT}`, `[fd99::2]:${PORT}`];
    const tap = await lab.tap(target, { interfaces: ['t0'], portals, tunnels: true });
    const plain = await lab.tap(target, { interfaces: ['t0'], portals, tunnels: false });
    for (const [space, name, here, there] of [
      [host, 'h0', 1, 2],
      [target, 't0', 2, 1],
    ]) {
      const ends = `local 10.99.1.${here} remote 10.99.1.${there} dev ${name}`;
      sh(`ip -n ${space} link add vx0 mtu 1500 type vxlan id 42 ${ends} dstport 4789`);
      lab.address(String(space), 'vx0', `10.99.8.${here}/24`);
      lab.address(String(space), 'vx0', `fd99::${here}/64`);
    }
    for (const address of ['10.99.8.2', 'fd99::2']) {
      await lab.traffic(target, 'serve', address, PORT);
      await lab.whole(host, 'ping', address, PORT, '20', '20000');
    }
    const end = await onlyPayload(tap, 2 * 20 * 20000 * 2);
    assert.ok((end.tunnelled ?? 0) >= (end.segments ?? 0) && (end.segments ?? 0) > 100);
    assert.equal((await plain.stop()).frames, 0);
  });

  it('listens to any, whose link has no word for VLAN tags', async () => {
    const { host, target } = twoHosts();
    const tap = await lab.tap(target, { interfaces: ['any'], portals: [`10.99.1.2:${PORT}`], tunnels: true });
    await lab.traffic(target, 'serve', '10.99.1.2', PORT);
    await lab.whole(host, 'ping', '10.99.1.2', PORT, '30', '64');
    await onlyPayload(tap, 30 * 64 * 2);
  });

  describe('that cannot begin says why and what to do', () => {
    const refused: [string, Parameters<TapLab['tap']>[1], RegExp, RegExp, string[]][] = [
      ['no such interface', { interfaces: ['h7'] }, /no interface h7/, /lo.*h0/, []],
      ['a name that is a path', { interfaces: ['../net/h0'] }, /no interface/, /lo/, []],
      ['a filter that is none', { interfaces: ['h0'], filter: 'tcp and and' }, /syntax error/, /pcap-filter/, []],
      ['one interface twice', { interfaces: ['h0', 'h0'] }, /h0 twice/, /once/, []],
      ['a snap length of nothing', { interfaces: ['h0'], snaplen: 1 }, /snaplen is 1/, /256 to 262144/, []],
      [
        'a user without the right',
        { interfaces: ['h0'] },
        /not allowed/,
        /setcap|root/,
        ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw', '--reuid=65534', '--clear-groups'],
      ],
    ];
    for (const [name, order, message, mend, through] of refused) {
      it(name, async () => {
        const { host } = twoHosts();
        const tap = await lab.tap(host, order, through);
        const said = tap.said.find(({ kind }) => kind === 'refused');
        assert.match(said?.text ?? 'it was opened', message);
        assert.match(said?.mend ?? '', mend);
      });
    }
  });
});
