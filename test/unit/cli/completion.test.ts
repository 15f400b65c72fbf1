import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlServer } from '../../../hw/controlServer.ts';
import { MAIN } from '../../kit/program.ts';
import { until, when } from '../../live/kit/until.ts';
import { mirrorStatus, status } from './cases.ts';

/** What is typed, with a tab where a shell is to complete, and the words that the program is given then. */
const TYPED: readonly [typed: string, words: string][] = [
  ['tapmirror drai\t--wi\t5', 'drain|--within|5'],
  ['tapmirror job can\t7', 'job|cancel|7'],
  ['tapmirror set log-l\tdebug', 'set|log-level|debug'],
  ['tapmirror run --log w\t-c unit.y\t', 'run|--log|warn|-c|unit.yaml'],
  ['tapmirror pause --control a.sock --mirror file:/srv/sec\t', 'pause|--control|a.sock|--mirror|file:/srv/second.img'],
  [
    'tapmirror resync --control a.sock --mirror iscsi://10.0.9.2/iqn.2024-01.example:th\t',
    'resync|--control|a.sock|--mirror|iscsi://10.0.9.2/iqn.2024-01.example:third/1',
  ],
  ['tapmirror pause --control a.sock data\t', 'pause|--control|a.sock|database'],
  [
    'tapmirror remove-mirror --control a.sock data\tfile:/srv/sec\t',
    'remove-mirror|--control|a.sock|database|file:/srv/second.img',
  ],
];

/** An interactive shell on a terminal of its own. */
class Shell {
  said = '';
  readonly #child: ChildProcess;

  constructor(command: string, cwd: string) {
    const env = { ...process.env, PATH: `${cwd}:${process.env.PATH}`, TERM: 'dumb', HISTFILE: '' };
    this.#child = spawn('script', ['-qec', command, '/dev/null'], { cwd, env, stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.said += chunk.toString('latin1');
    });
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** What the program says that stands in for tapmirror. */
  async given(words: string): Promise<void> {
    const wanted = `<${words}>`;
    const instead = (): string => JSON.stringify(this.said.slice(-600));
    await until(`the program is given ${words}`, () => when(this.said.includes(wanted)), { instead });
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

describe('H1 completion', () => {
  let folder: string;
  let server: ControlServer;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-words-'));
    for (const shell of ['bash', 'zsh']) {
      const { status: code, stdout } = spawnSync(process.execPath, [MAIN, 'completion', shell], { encoding: 'utf8' });
      assert.equal(code, 0);
      writeFileSync(join(folder, `words.${shell}`), stdout);
    }
    const stub = `#!/bin/sh
if [ "$1" = complete-names ]; then exec "${process.execPath}" "${MAIN}" "$@"; fi
IFS='|'; printf '<%s>\\n' "$*"
`;
    writeFileSync(join(folder, 'tapmirror'), stub);
    chmodSync(join(folder, 'tapmirror'), 0o755);
    writeFileSync(join(folder, 'unit.yaml'), '');
    const answer = (): unknown => {
      const mirrors = [
        mirrorStatus({ to: 'file:/srv/second.img' }),
        mirrorStatus({ to: 'iscsi://10.0.9.2/iqn.2024-01.example:third/1' }),
      ];
      return status({}, { name: 'database', mirrors });
    };
    server = await ControlServer.open({
      path: join(folder, 'a.sock'),
      answer,
      failed: (error) => assert.fail(String(error)),
    });
  });
  after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  const shells: [name: string, command: string, load: string][] = [
    ['bash', 'bash --norc --noprofile -i', 'source words.bash'],
    [
      'zsh',
      'zsh -f -i',
      'unsetopt zle_bracketed_paste 2>/dev/null; autoload -U compinit; compinit -u -D; source words.zsh',
    ],
  ];
  for (const [name, command, load] of shells) {
    it(`completes commands, options, their values, files and names of the running unit in ${name}`, async function () {
      const there = spawnSync(name, ['--version']).status === 0;
      if (!there && process.env.TAPMIRROR_LIVE !== 'required') return void this.skip();
      assert.ok(there, `${name} is not installed`);
      const shell = new Shell(command, folder);
      try {
        shell.type(`${load}; tapmirror loa''ded\n`);
        await shell.given('loaded');
        for (const [typed, words] of TYPED) {
          shell.type(`${typed}\n`);
          await shell.given(words);
        }
      } finally {
        shell.end();
      }
    });
  }

  it('offers nothing, and says nothing, where no unit answers', () => {
    const words = ['complete-names', 'mirrors', '--control', join(folder, 'none.sock')];
    const { status: code, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8' });
    assert.deepEqual([code, stdout, stderr], [0, '', '']);
  });
});
