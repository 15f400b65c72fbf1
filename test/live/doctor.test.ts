import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { DoctorReport, Finding } from '../../src/unit/doctor/doctorTypes.ts';
import { type Bench, describeLive, lu, SIZE, TAP, TARGET, TARGET6, volume } from './kit/bench.ts';
import { Sites } from './kit/sites.ts';
import { MAIN } from './kit/unit.ts';

/** Runs the doctor where the unit is; resolves with its exit status and what it found. */
function doctor(
  b: Bench,
  config: string,
  words: string[] = [],
  space: string = b.target,
): Promise<{ code: number | null; report: DoctorReport }> {
  const command = ['netns', 'exec', space, process.execPath, MAIN, 'doctor', '--config', config, '--json', ...words];
  const child = spawn('ip', command, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString('utf8');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, report: JSON.parse(said) as DoctorReport }));
  });
}

function of(report: DoctorReport, level: Finding['level'], check: Finding['check']): string {
  return report.findings
    .filter((one) => one.level === level && one.check === check)
    .map(({ subject, words }) => `${subject}: ${words}`)
    .join('\n');
}

describeLive('H4 doctor beside a tap', ['pcap', 'tgt'], (bench) => {
  it('sees a session at the configured portal, and names one that the filter leaves out', async () => {
    const b = bench();
    await b.first({ portals: [TARGET, TARGET6] });
    b.image('m.img');
    const unit = await b.unit({ source: TAP, volumes: [volume('file:m.img')] });
    const half = SIZE / 1024;
    const loads = [
      await b.load({ pauseMs: 5, span: half }),
      await b.load({ url: lu(TARGET6), pauseMs: 5, from: half, span: half }),
    ];
    await unit.until('a session is seen', ({ source }) => (source.sessions as unknown[]).length > 0);
    const asked = await doctor(b, unit.config);
    assert.match(of(asked.report, 'ok', 'path'), /seen at 10\.67\.0\.2:14700: .*host-1/);
    assert.match(of(asked.report, 'ok', 'unit'), /it runs since/);
    assert.match(of(asked.report, 'ok', 'drops'), /the kernel dropped 0 frames/);
    // tgt tells everybody of the one portal that they are at.
    assert.match(of(asked.report, 'ok', 'path'), /its target offers it at 10\.67\.0\.2:14700$/m);
    assert.doesNotMatch(JSON.stringify(asked.report), /\[fd67::2\]:14700 .*leaves it out/);
    const heard = await doctor(b, unit.config, ['--listen', '2']);
    assert.equal(heard.code, 3);
    const found = [of(heard.report, 'fail', 'path'), of(heard.report, 'warn', 'path')].join('\n');
    assert.match(found, /\[fd67::2\]:14700: .*source\.tap\.portals leaves it out/);
    await Promise.all(loads.map((load) => load.stop()));
    await unit.stop();
  });
});

describeLive('H4 doctor at both ends of a link', ['tgt'], (bench) => {
  it('says versions, clocks, and until when certificates are good', async () => {
    const b = bench();
    await b.first();
    b.image('far.img', { bytes: 0 });
    const sites = await new Sites(b).open();
    const far = await sites.far();
    const near = await sites.near();
    await near.until('they have told each other', ({ volumes }) => volumes[0].mirrors[0].link?.version !== undefined);
    await far.until('the far one knows as well', ({ volumes }) => volumes[0].received?.sender?.version !== undefined);
    const [here, there] = [await doctor(b, near.config), await doctor(b, far.config, [], sites.space)];
    assert.match(of(here.report, 'ok', 'link'), /vol1: the far unit "far" answers and proves itself/);
    assert.match(of(here.report, 'ok', 'link'), /vol1: the unit there runs version [\d.]+, as this one/);
    assert.match(of(here.report, 'ok', 'clock'), /vol1: the clock there is \d+ ms (ahead of|behind) this one/);
    assert.match(of(here.report, 'ok', 'certificate'), /own certificate: near is good until/);
    assert.match(of(there.report, 'ok', 'link'), /from near: the unit there runs version [\d.]+, as this one/);
    assert.match(of(there.report, 'ok', 'clock'), /from near: the clock there/);
    // The tee's own target is the only portal that there is.
    assert.match(of(here.report, 'ok', 'path'), /its target offers it at 10\.67\.0\.2:14700$/m);
    assert.equal(of(here.report, 'fail', 'link') + of(there.report, 'fail', 'link'), '');
    await near.stop();
    await far.stop();
  });
});
