import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS, isKnownNotice, LINES, messagesText, NOTICES } from '../../../src/operate/messages.ts';
import { repositoryRoot } from '../../repository.ts';

const ROOT = repositoryRoot();
const BEGIN = '<!-- messages: made from src/operate/messages.ts -->';
const END = '<!-- /messages -->';

/** The program's own sources, without comments. */
function sources(): { path: string; code: string }[] {
  return ['src', 'hw'].flatMap((top) =>
    readdirSync(join(ROOT, top), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.includes('src/page'))
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return { path, code: readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '') };
      }),
  );
}

/** From an opening bracket or quote at `at`, one past its end. */
function past(code: string, at: number): number {
  const open = code[at];
  const quote = open === "'" || open === '"' || open === '`';
  let i = at + 1;
  while (i < code.length) {
    const char = code[i];
    if (char === '\\') i += 2;
    else if (quote && char === open) return i + 1;
    else if (open === '`' && char === '$' && code[i + 1] === '{') i = past(code, i + 1);
    else if (quote) i++;
    else if (char === ')' || char === ']' || char === '}') return i + 1;
    else if ('([{\'"`'.includes(char)) i = past(code, i);
    else i++;
  }
  return i;
}

/** Texts written out in a run of code, with `…` in place of what is put in. */
function literals(code: string): string[] {
  const found: string[] = [];
  for (let i = 0; i < code.length; ) {
    if (!'\'"`'.includes(code[i])) {
      i++;
      continue;
    }
    const end = past(code, i);
    let text = '';
    for (let at = i + 1; at < end - 1; ) {
      if (code[i] === '`' && code[at] === '$' && code[at + 1] === '{') {
        at = past(code, at + 1);
        text += '…';
      } else text += code[at++];
    }
    found.push(text.replaceAll('\\', ''));
    i = end;
  }
  return found;
}

/** The texts of every call of `notice`, whoever's it is. */
function notices(code: string): string[] {
  return [...code.matchAll(/\bnotice(?:\?\.)?\(/g)].flatMap((match) => {
    const open = match.index + match[0].length - 1;
    const last = literals(code.slice(open + 1, past(code, open) - 1)).at(-1);
    // Only what says something of its own: others' words are passed on with a name before them.
    return last !== undefined && /[a-z]{3}/i.test(last.replaceAll('…', '')) ? [last] : [];
  });
}

describe('H5 the catalogue of messages', () => {
  const all = sources();

  it('has every message of the log', () => {
    const said = all.flatMap(({ path, code }) =>
      [...code.matchAll(/\b(?:log|events|Log)(?:\.(?:error|warn|info|debug)|\[[^\]]+\])\(\s*'([^']+)'/g)].map(
        (match) => ({
          path,
          message: match[1],
        }),
      ),
    );
    assert.ok(said.length > 15, 'the lines of the sources were found');
    const known = new Set(LINES.map(({ says }) => says));
    assert.deepEqual(
      said.filter(({ message }) => !known.has(message)),
      [],
    );
  });

  it('has every text of a notice', () => {
    const said = all.flatMap(({ path, code }) => notices(code).map((text) => ({ path, text })));
    assert.ok(said.length > 50, `only ${said.length} notices were found`);
    assert.deepEqual(
      said.filter(({ text }) => !isKnownNotice(text)),
      [],
    );
  });

  it('knows a text only by what it says', () => {
    assert.equal(isKnownNotice('the tee has 5 connections, as many as it may: further ones are refused'), true);
    assert.equal(isKnownNotice('the tee has gone home'), false);
    assert.deepEqual(literals("f('a', `b $" + '{g(`c $' + '{1}`)} d`)'), ['a', 'b … d']);
  });

  it('has each message once, with its meaning, and stands in the README', () => {
    for (const messages of [LINES, NOTICES, ERRORS]) {
      assert.equal(new Set(messages.map(({ says }) => says)).size, messages.length);
      for (const { says, means } of messages) assert.ok(means.length > 3, says);
    }
    const path = join(ROOT, 'README.md');
    const readme = readFileSync(path, 'utf8');
    const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
    assert.ok(from > 0 && to > from, 'the README has a place for the messages');
    const wanted = `${BEGIN}\n\n${messagesText()}\n\n`;
    if (process.env.TAPMIRROR_UPDATE === '1') {
      writeFileSync(path, readme.slice(0, from) + wanted + readme.slice(to));
      return;
    }
    assert.equal(readme.slice(from, to), wanted, 'run this test with TAPMIRROR_UPDATE=1 to write the tables anew');
  });
});
