import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAIN } from '../../kit/program.ts';
import { repositoryRoot } from '../../repository.ts';

function tapmirror(...words: string[]): { code: number | null; out: string; err: string } {
  const run = spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8', input: '' });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

describe('H2 the command line', () => {
  const wrong: [words: string[], wanted: RegExp][] = [
    [[], /^tapmirror: a command is missing; see `tapmirror --help`\n$/],
    [['mirorr'], /^tapmirror: unknown command 'mirorr' \(Did you mean mirror\?\); see `tapmirror --help`\n$/],
    [['--verion'], /^tapmirror: unknown option '--verion' \(Did you mean --version\?\); .*\n$/],
    [['mirror'], /^tapmirror: required option '-c, --config <file>' not specified; see `tapmirror mirror --help`\n$/],
    [['mirror', '-c', 'x', '--jsno'], /^tapmirror: unknown option '--jsno' \(Did you mean --json\?\); .*\n$/],
    [['mirror', '-c', 'x', 'y'], /^tapmirror: too many arguments .*; see `tapmirror mirror --help`\n$/],
    [['run'], /^tapmirror: required option '-c, --config <file>' not specified; see `tapmirror run --help`\n$/],
    [
      ['run', '-c', 'x', '--log', 'loud'],
      /^tapmirror: .*'loud' is invalid. Allowed choices are error, warn, info, debug.*\n$/,
    ],
    [['status'], /^tapmirror: which unit\? neither --config nor --control is given; .*`tapmirror status --help`\n$/],
    [['status', '-c', 'x', '--control', 'y'], /^tapmirror: both --config and --control; give one of them; .*\n$/],
    [['decode'], /^tapmirror: missing required argument 'source'; see `tapmirror decode --help`\n$/],
  ];
  for (const [words, wanted] of wrong) {
    it(`exits 2 with one line: ${words.join(' ') || '(nothing)'}`, () => {
      const { code, out, err } = tapmirror(...words);
      assert.match(err, wanted);
      assert.equal(out, '');
      assert.equal(code, 2);
    });
  }

  it('names a configuration that is missing and exits 1', () => {
    const { code, out, err } = tapmirror('mirror', '--config', '/none/unit.yaml', '--json');
    assert.match(err, /^tapmirror: the configuration \/none\/unit\.yaml does not exist; .*\n$/);
    assert.equal(out, '');
    assert.equal(code, 1);
  });

  it('exits 4 when no unit answers', () => {
    const { code, out, err } = tapmirror('status', '--control', '/none/c.sock', '--json');
    assert.match(
      err,
      /^tapmirror: there is no control socket at \/none\/c\.sock: the unit is not running; start it .*\n$/,
    );
    assert.equal(out, '');
    assert.equal(code, 4);
  });

  it('teaches with --help', () => {
    for (const words of [
      ['--help'],
      ['mirror', '--help'],
      ['run', '--help'],
      ['status', '--help'],
      ['decode', '--help'],
      ['stat', '--help'],
      ['help', 'mirror'],
    ]) {
      const { code, out, err } = tapmirror(...words);
      assert.equal(code, 0, err);
      assert.match(out, /Examples?\n/);
      assert.match(out, /Exit status:/);
    }
  });

  it('gives the version of package.json', () => {
    const { version } = JSON.parse(readFileSync(join(repositoryRoot(), 'package.json'), 'utf8')) as { version: string };
    assert.deepEqual(tapmirror('--version'), { code: 0, out: `${version}\n`, err: '' });
  });
});
