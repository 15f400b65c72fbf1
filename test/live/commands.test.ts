import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../kit/freePort.ts';
import { fitsSchema as fits, schemasOf } from '../kit/schemas.ts';
import { repositoryRoot } from '../repository.ts';
import { outcome, Processes } from './kit/processes.ts';
import { MAIN, Unit } from './kit/unit.ts';

const ROOT = repositoryRoot();
const CAPTURE = join(ROOT, 'fixtures/d24-veth-base.pcap');
const SIZE = 8 * 2 ** 20;

/** What the README writes and what stands for it here. */
const BESIDE_A_UNIT: readonly [line: RegExp, exit: number][] = [
  [/^status --config unit\.yaml$/, 0],
  [/^pause database --mirror /, 0],
  [/^resume --config/, 0],
  [/^resync --whole --mirror /, 0],
  [/^set throttle 50MB /, 0],
  [/^jobs --config/, 0],
  // There is no job 3.
  [/^job cancel 3 /, 1],
  [/^add-mirror database /, 0],
  [/^remove-mirror database /, 0],
  [/^verify --config unit\.yaml$/, 0],
  [/^drain --config/, 0],
];
const BESIDE_A_CAPTURE = /^(decode|stat|try) .*\.pcap$/;

/** Commands of the README as they are written, without what is said beside them. */
function readmeCommands(): string[] {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const lines = text.split('\n').filter((line) => /^ {4}(source <\()?npx tapmirror /.test(line));
  return lines.map((line) => withoutComment(line.replace(/^.*?npx tapmirror /, '')).replace(/\)$/, ''));
}

/** Commands of a help text. */
function examplesOf(help: string): string[] {
  return [...help.matchAll(/^ {2}(?:\w+ <\()?tapmirror (.*)$/gm)].map(([, line]) => withoutComment(line));
}

function withoutComment(line: string): string {
  return line.split(/ {2,}| #| \||;| 2>| > | &$/)[0].trim();
}

/** Options of a line, without what stands in quotes. */
function optionsOf(line: string): string[] {
  const bare = line.replace(/"[^"]*"|'[^']*'/g, '_');
  return [...bare.matchAll(/(?:^|\s)(--?[a-zA-Z][\w-]*)/g)].map(([, flag]) => flag);
}

async function tapmirror(
  cwd: string,
  ...words: string[]
): Promise<{ code: number | string | null; out: string; err: string }> {
  return outcome(undefined, ['env', '-C', cwd, process.execPath, MAIN, ...words], 60_000);
}

describe('H2 what the commands print for programs, and what the README says to type', function () {
  this.timeout(120_000);
  const processes = new Processes();
  let folder: string;
  let unit: Unit;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-readme-'));
    for (const name of ['bus.pcap', 'busy-hour.pcap']) copyFileSync(CAPTURE, join(folder, name));
    writeFileSync(join(folder, 'first.img'), Buffer.alloc(SIZE, 7));
    for (const name of ['second.img', 'third.img']) writeFileSync(join(folder, name), Buffer.alloc(SIZE));
    const [listen, target] = [`127.0.0.1:${await freePort()}`, '127.0.0.1:9'];
    const lu = 'iqn.2024-01.example:disks/1';
    const volume = {
      lu,
      name: 'database',
      blockSize: 512,
      first: 'file:first.img',
      mirrors: [`file:${folder}/second.img`],
    };
    const config = { source: { tee: { listen, target } }, state: 'state', settleMs: 0, volumes: [volume] };
    writeFileSync(join(folder, 'unit.yaml'), JSON.stringify(config), { mode: 0o600 });
    unit = new Unit(processes, undefined, join(folder, 'unit.yaml'), join(folder, 'state/control.sock'));
    await unit.ready();
    await unit.settled();
  });
  after(async () => {
    await processes.close();
    await rm(folder, { recursive: true });
  });

  it('prints of captures what the schemas say', async () => {
    for (const name of ['stat', 'try']) fits(name, (await tapmirror(folder, name, '--json', 'bus.pcap')).out);
    const { out } = await tapmirror(folder, 'decode', '--json', 'bus.pcap');
    const lines = out.trim().split('\n');
    assert.ok(lines.length > 30);
    for (const line of lines) fits('decode', line);
    writeFileSync(join(folder, 'third.img'), Buffer.alloc(16 * 2 ** 20));
    const volume = { lu: 'iqn.2024-01.lab.example:1/1', mirrors: ['file:third.img'] };
    writeFileSync(join(folder, 'replay.json'), JSON.stringify({ source: { replay: ['bus.pcap'] }, volumes: [volume] }));
    fits('mirror', (await tapmirror(folder, 'mirror', '--json', '--config', 'replay.json')).out);
    fits('keys', (await tapmirror(folder, 'keys', 'init', 'made', '--json')).out);
    fits('keys', (await tapmirror(folder, 'keys', 'unit', 'made', 'near', '--json')).out);
  });

  it('prints of a running unit what the schemas say', async () => {
    const asked: [schema: string, ...words: string[]][] = [
      ['status', 'status'],
      ['steer', 'pause'],
      ['status', 'status'],
      ['jobs', 'jobs'],
      ['steer', 'resume'],
      ['steer', 'resync', 'database', '--whole'],
      ['add-mirror', 'add-mirror', 'database', 'file:third.img'],
      ['status', 'status'],
      ['remove-mirror', 'remove-mirror', 'database', `file:${folder}/third.img`, '--now'],
      ['jobs', 'jobs'],
      ['set', 'set', 'throttle', '16MiB'],
      ['set', 'set', 'throttle', 'none'],
      ['set', 'set', 'log-level', 'debug'],
      ['explain', 'explain', '0'],
      ['doctor', 'doctor'],
    ];
    for (const [schema, ...words] of asked) {
      const unitWords = ['--config', 'unit.yaml', '--json'];
      const { out, err } = await tapmirror(folder, ...words, ...unitWords);
      assert.match(out, /^[{[]/, `${words.join(' ')}: ${err}`);
      fits(schema, out);
    }
    await unit.settled();
    fits('verify', (await tapmirror(folder, 'verify', '--config', 'unit.yaml', '--json')).out);
    const { out } = await tapmirror(folder, 'jobs', '--config', 'unit.yaml', '--json');
    fits('jobs', out);
    assert.match(out, /"kind":"verify".*"state":"done"/);
  });

  it('names in its help, and in the README, only what there is; and has a schema for all JSON that it prints', async () => {
    const main = (await tapmirror(folder, '--help')).out;
    const names = [...main.matchAll(/^ {2}([a-z-]+) /gm)]
      .map(([, name]) => name)
      .filter((name) => name !== 'tapmirror');
    assert.ok(names.length > 25);
    const helps = new Map<string, string>();
    const helpOf = async (...words: string[]): Promise<string> => {
      const key = words.join(' ');
      const known = helps.get(key);
      if (known !== undefined) return known;
      const { code, out } = await tapmirror(folder, ...words, '--help');
      assert.equal(code, 0, key);
      helps.set(key, out);
      return out;
    };
    const lines = readmeCommands();
    for (const name of new Set(names.filter((one) => one !== 'help'))) {
      const help = await helpOf(name);
      const nested = [...help.matchAll(/^ {2}([a-z]+) .*$/gm)].map(([, one]) => one);
      const examples = examplesOf(help);
      for (const one of help.includes('\nCommands:') ? nested : []) {
        if (help.includes(`\n  ${one} [options]`)) examples.push(...examplesOf(await helpOf(name, one)));
      }
      lines.push(...examples);
    }
    const printing = [...helps].filter(([, help]) => /^ {2}--json\b/m.test(help)).map(([words]) => words.split(' ')[0]);
    assert.ok(printing.length > 20, `${printing}`);
    const without = printing.filter((name) => schemasOf(name).length !== 1);
    assert.deepEqual(without, [], 'a schema in src/cli/schemas has the command in its title');
    assert.ok(lines.length > 60, `${lines.length} commands`);
    for (const line of lines) {
      const [first, second] = line.split(' ');
      if (first.startsWith('-') || /^[A-Z]/.test(first)) continue;
      assert.ok(names.includes(first), `there is no command ${first}: ${line}`);
      const whole = await helpOf(first);
      const help = whole.includes(`\n  ${second} [options]`) ? await helpOf(first, second) : whole;
      for (const flag of optionsOf(line)) {
        if (flag === '--help') continue;
        assert.match(help, new RegExp(`^ .*(?:^|[ ,])${flag}[ ,=]`, 'm'), `${flag} of: ${line}`);
      }
    }
  });

  it('does what the README says to type', async () => {
    const lines = readmeCommands();
    const captures = lines.filter((line) => BESIDE_A_CAPTURE.test(line));
    assert.ok(captures.length >= 3);
    for (const line of captures) {
      const { code, out, err } = await tapmirror(folder, ...line.split(' '));
      assert.equal(code, 0, `${line}: ${err}`);
      assert.notEqual(out, '');
    }
    for (const [wanted, exit] of BESIDE_A_UNIT) {
      const line = lines.find((one) => wanted.test(one));
      assert.ok(line, `the README has no line ${wanted}`);
      if (/^(verify|remove-mirror)/.test(line)) await unit.settled();
      const { code, err } = await tapmirror(folder, ...line.replace('/srv/', `${folder}/`).split(' '));
      assert.equal(code, exit, `${line}: ${err}`);
    }
    assert.equal((await unit.ended).code, 0);
  });
});
