import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandView } from '../../src/base/command.ts';
import { captureFolder } from '../repository.ts';
import { dice } from './support/derive.ts';
import { play } from './support/play.ts';
import { baseOf, captureFrames, captureNames, present, sidecar } from './support/sidecar.ts';
import { assertEqual, assertHonest, determined, truthOf } from './support/truth.ts';

/** Those that end before the volume's last state, and discovery sessions, have no truth to be held against. */
const named = captureNames((side, name) => {
  const base = side.base === undefined ? name : side.base.replace(/\..*$/, '');
  return (side.luns?.length ?? 0) > 0 && present(base).length > 0 && !/cutfile|split-/.test(name);
});

function lossless(name: string): boolean {
  return sidecar(name).lossless !== false && determined(name);
}

describe('A6 whole captures against the target’s own volume', () => {
  for (const name of named) {
    it(`${name} is honest${lossless(name) ? ' and exact' : ''}`, () => {
      const frames = captureFrames(name);
      const check = lossless(name) ? assertEqual : assertHonest;
      if (lossless(name)) assert.ok(truthOf(name).every((t) => t.image !== undefined));
      play(name, frames, (outcome) => check(name, outcome, 'as it is'));
      // Borrowed bytes are overwritten as soon as they may be.
      play(name, frames, (outcome) => check(name, outcome, 'read through a small buffer'), { reuse: 7 });
      const random = dice(4);
      const refuse = (): boolean => random() < 0.5;
      play(name, frames, (outcome) => assertHonest(name, outcome, 'short of room (seed 4)'), { refuse });
    });
  }

  const halves = present('x-split-a', 'x-split-b');
  if (halves.length === 2) {
    it('two halves one after the other are the whole', () => {
      const frames = [...captureFrames('x-split-a'), ...captureFrames('x-split-b')];
      play('x-split-a', frames, (outcome) => assertEqual('x-split-a', outcome, 'both halves'));
    });
  }
});

describe('B1 commands as tshark decodes them', () => {
  const tangled = /dup|reorder|tbf|conndrop/;
  for (const name of captureNames()) {
    const table = join(captureFolder(), `${name}.golden.tsv`);
    const side = sidecar(name);
    if (!existsSync(table) || side.lossless === false || side.login_seen === false || tangled.test(name)) continue;
    it(name, () => {
      const [head, ...rows] = readFileSync(table, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split('\t'));
      const seen: Record<string, string>[] = [];
      play(name, captureFrames(name), () => undefined, { command: (view) => seen.push(rowOf(view)) });
      const want = rows.map((row) => Object.fromEntries(head.map((column, i) => [column, row[i]])));
      assert.equal(seen.length, want.length, 'commands');
      seen.sort(byFrame);
      want.sort(byFrame);
      want.forEach((row, i) => {
        for (const column of head) {
          if (row[column] === '') continue; // tshark does not dissect it
          const number = column !== 'opcode' && /^(0x[0-9a-f]+|[0-9]+)$/.test(row[column]);
          const expected = number ? `${BigInt(row[column])}` : row[column];
          assert.equal(seen[i][column], expected, `frame ${row.frame} itt ${row.itt}: ${column}`);
        }
      });
    });
  }
});

function byFrame(a: Record<string, string>, b: Record<string, string>): number {
  return Number(a.frame) - Number(b.frame) || Number(a.itt) - Number(b.itt);
}

function rowOf(view: CommandView): Record<string, string> {
  return {
    frame: `${view.frame}`,
    stream: `${view.stream}`,
    itt: `${view.itt}`,
    lun: `${view.lun}`,
    opcode: view.opcode.toString(16).padStart(2, '0'),
    lba: `${view.lbnExact ?? view.lbn}`,
    blocks: `${view.blocks}`,
    status: view.status < 0 ? '' : `${view.status}`,
    dir: view.direction,
    edtl: `${view.edtl}`,
    response_frame: view.responseFrame === 0 ? '' : `${view.responseFrame}`,
  };
}

describe('A9 names', () => {
  const [name] = present('d24-veth-base');
  if (name === undefined) return;
  it('a volume named by its portal is the same volume', () => {
    const { portal = '' } = sidecar(baseOf(name));
    const lus = (sidecar(name).luns ?? []).map((lu) => `${portal}/${lu.lun}`);
    play(name, captureFrames(name), (outcome) => assertEqual(name, outcome, 'by portal'), { lus });
  });
});
