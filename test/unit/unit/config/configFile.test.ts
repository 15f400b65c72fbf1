import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { normalPortal } from '../../../../src/base/address.ts';
import { Fault } from '../../../../src/base/fault.ts';
import { loadConfig, loadReplayConfig } from '../../../../src/unit/config/config.ts';
import { nearest } from '../../../../src/unit/config/configCheck.ts';
import { ConfigFault } from '../../../../src/unit/config/configFault.ts';
import { readJson } from '../../../../src/unit/config/configJson.ts';
import { isMistake } from '../../../../src/unit/config/configTree.ts';
import { luKey } from '../../../../src/unit/config/configValues.ts';
import { readYaml } from '../../../../src/unit/config/configYaml.ts';
import { ConfigFolder } from './configFolder.ts';
import { good, plain } from './configGood.ts';

describe('H1 the configuration: what is not JSON or YAML', () => {
  const folder = new ConfigFolder(loadReplayConfig);

  const broken: [text: string, wanted: string][] = [
    ['', 'unit.json:1:1: the file is empty; see `tapmirror mirror --help`'],
    ['{"a": 1,}', 'unit.json:1:9: a key is expected, not "}"; put keys in double quotes, no comma after the last'],
    ['{\n "a": [1 2]\n}', `unit.json:2:10: ',' or ']' is expected, not "2"; add the one missing`],
    ['{"a" 1}', `unit.json:1:6: ':' is expected after the key "a"; write "key": value`],
    ["{'a': 1}", `unit.json:1:2: a key is expected, not "'"; put keys in double quotes, no comma after the last`],
    ['{"a": wait}', 'unit.json:1:7: "wait" is not a JSON value; put texts in double quotes'],
    [
      '{"a": 64MiB}',
      'unit.json:1:7: not a JSON number; write a decimal number, or a text in double quotes such as "64MiB"',
    ],
    ['{"a": "b\n', 'unit.json:1:7: a text without its closing quote; add a double quote at its end'],
    [
      '{"a": ',
      'unit.json:1:7: a value is missing before the end of the file; write one, or remove the comma or key before it',
    ],
    ['{} {}', 'unit.json:1:4: "{" after the end of the configuration; remove it, or a bracket before it'],
  ];
  for (const [text, wanted] of broken) {
    it(JSON.stringify(text), async () => assert.deepEqual(await folder.mistakes(text), [wanted]));
  }

  it('a key given twice', async () => {
    assert.match(
      (await folder.mistakes('{"volumes": [], "volumes": []}')).join('\n'),
      /1:17: volumes: the same key a second time/,
    );
    assert.match(
      (await folder.mistakes('volumes: []\nvolumes: []\n', {}, 'a.yaml'))[0],
      /a\.yaml:2:1: not YAML: Map keys must be unique/,
    );
  });

  it('YAML that is broken, empty, in two documents, or contains itself', async () => {
    assert.match((await folder.mistakes('a: [1, 2\nb: 3\n', {}, 'a.yaml'))[0], /^a\.yaml:\d:\d: not YAML: /);
    assert.match((await folder.mistakes('# nothing\n', {}, 'a.yaml'))[0], /the file is empty/);
    assert.match((await folder.mistakes('a: 1\n---\nb: 1\n', {}, 'a.yaml'))[0], /a\.yaml:2:\d: a second YAML document/);
    assert.match((await folder.mistakes('a: &a [*a]\n', {}, 'a.yaml'))[0], /an alias that contains itself/);
    assert.match((await folder.mistakes('a: *b\n', {}, 'a.yaml'))[0], /a\.yaml:1:4: \*b names no anchor/);
  });

  it('H5 aliases of aliases cost nothing', () => {
    const lines = ['a0: &a0 [x]'];
    for (let i = 1; i < 60; i++) lines.push(`a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`);
    assert.ok(!isMistake(readYaml(lines.join('\n'))));
  });

  it('H5 brackets without end are refused', () => {
    const tree = readJson('['.repeat(100_000));
    assert.ok(isMistake(tree) && /levels of brackets/.test(tree.wrong));
  });
});

describe('H1 the configuration: the file itself', () => {
  const folder = new ConfigFolder(loadReplayConfig);

  const fault = (wanted: RegExp) => (error: unknown) =>
    error instanceof Fault && !(error instanceof ConfigFault) && wanted.test(error.message) && error.mend !== undefined;

  it('missing, a folder, not text, or far too long', async () => {
    await assert.rejects(loadConfig(folder.path('none.json')), fault(/none\.json does not exist/));
    await assert.rejects(loadConfig(folder.path()), fault(/is a folder/));
    await writeFile(folder.path('bin'), Uint8Array.of(0xd4, 0xc3, 0xb2, 0xa1));
    await assert.rejects(loadConfig(folder.path('bin')), fault(/bin is not UTF-8/));
    await writeFile(folder.path('long'), ' '.repeat((1 << 20) + 1));
    await assert.rejects(loadConfig(folder.path('long')), fault(/long is longer than 1048576 bytes/));
  });
});

describe('H1 the configuration: properties', () => {
  const folder = new ConfigFolder(loadReplayConfig);

  it('readJson agrees with JSON.parse on every JSON value and on where there is none', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 1), (value, indent) => {
        const tree = readJson(JSON.stringify(value, null, indent));
        assert.ok(!isMistake(tree));
        assert.deepEqual(plain(tree), JSON.parse(JSON.stringify(value)));
      }),
    );
    const soup = fc.string({ unit: fc.constantFrom(...'{}[]",:\\ \n0123456789.-+eEtrufalsn\u0001é') });
    fc.assert(
      fc.property(soup, (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        assert.equal(!isMistake(readJson(text)), valid);
      }),
      { numRuns: 2000 },
    );
  });

  it('any tree at all gives a configuration or mistakes, never another error', async () => {
    const word = fc.constantFrom(
      'source',
      'replay',
      'tap',
      'tee',
      'volumes',
      'lu',
      'mirrors',
      'first',
      'to',
      'buffer',
      'bytes',
      '__proto__',
      'x',
    );
    const leaf = fc.oneof(
      fc.string(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom('file:a', 'iqn.2024-01.a:b/1', '1.2.3.4:5'),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'medium' },
        leaf,
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(word, tie('tree'), { maxKeys: 5 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(tree, async (value) => {
        try {
          await writeFile(folder.path('any.json'), JSON.stringify({ ...good(), ...(value as object) }) ?? 'null');
          await loadConfig(folder.path('any.json'), {});
        } catch (error) {
          assert.ok(error instanceof ConfigFault, String(error));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('luKey does not see the spelling of an address', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV4(),
          fc.ipV6().map((ip) => `[${ip}]`),
        ),
        fc.integer({ min: 1, max: 65535 }),
        (host, port) => {
          const once = normalPortal(`${host}:${port}`);
          assert.ok(once !== undefined);
          assert.equal(normalPortal(once), once);
          assert.equal(luKey(`${host.toUpperCase()}:${port}/01`), `${once}/1`);
        },
      ),
    );
  });

  it('nearest finds a word with one slip', () => {
    assert.equal(nearest('voluems', ['volumes', 'source']), 'volumes');
    assert.equal(nearest('SettleMS', ['settleMs', 'source']), 'settleMs');
    assert.equal(nearest('zebra', ['volumes', 'source']), undefined);
  });
});
