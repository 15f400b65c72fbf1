import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { repositoryRoot } from '../repository.ts';

type Layer = 'base' | 'parsers' | 'core' | 'hw' | 'unit' | 'cli' | 'page' | 'test';

const ROOT = repositoryRoot();

/** Downwards only: core rooms and `hw` meet in the ports of `src/base`. */
const MAY_IMPORT: Readonly<Record<Layer, readonly Layer[]>> = {
  base: ['base'],
  parsers: ['base', 'parsers'],
  core: ['base', 'parsers', 'core'],
  hw: ['base', 'parsers', 'hw'],
  unit: ['base', 'parsers', 'core', 'hw', 'unit'],
  cli: ['base', 'parsers', 'core', 'hw', 'unit', 'cli'],
  // In a browser: of the unit it knows what the unit says, and nothing else.
  page: ['page', 'unit', 'base', 'core'],
  test: ['base', 'parsers', 'core', 'hw', 'unit', 'cli', 'page', 'test'],
};

/** Packages and the files that may import them; everything else goes through these. */
const DOORS: Readonly<Record<string, RegExp>> = {
  pcap: /^hw\/tap\.ts$/,
  '@serialport/stream': /^hw\/probeStream\.ts$/,
  '@serialport/bindings-cpp': /^hw\/probeBinding\.ts$/,
  '@serialport/binding-mock': /^test\//,
  'binary-parser': /^parsers\/.*\.layout\.ts$/,
  koffi: /^hw\/punchCalls\.ts$/,
  commander: /^src\/cli\/|^test\//,
  winston: /^hw\/log\.ts$/,
  '@peculiar/x509': /^hw\/keysCertificates\.ts$/,
  'reflect-metadata': /^hw\/keysCertificates\.ts$/,
  'chrono-node': /^src\/cli\/moment-said\.ts$/,
  'prom-client': /^src\/unit\/watch\/metricsPage\.ts$/,
  yaml: /^src\/unit\/config\/configYaml\.ts$/,
  mocha: /^test\//,
  'fast-check': /^test\//,
  ajv: /^test\//,
  'puppeteer-core': /^test\/page\//,
};

/** Node's modules without an effect; the only ones for parsers and core rooms. */
const PURE = ['node:assert', 'node:assert/strict', 'node:buffer', 'node:crypto', 'node:util'];
/** Node's modules with one: their place is `hw`. The command line finds its own version with one of them. */
const EFFECTS = /^node:(fs|net|tls|dgram|dns|https?|http2|child_process|cluster|readline)(\/|$)/;
const EFFECTS_DOOR = /^hw\/|^test\/|^src\/cli\/main\.ts$/;

const IMPURE =
  /\b(console|process)\.|\bDate\.now\(|\bnew Date\(\)|\bperformance\.|\bset(Timeout|Interval|Immediate)\(|\bMath\.random\(|\bfetch\(/;

const TOP =
  /^(package(-lock)?\.json|tsconfig[^/]*\.json|src|parsers|hw|fixtures|test|README\.md|LICENSE|\.ci|\.gitignore|\.gitattributes|\.editorconfig|\.npmrc|\.nvmrc|\.mocharc\.json|\.c8rc\.json|biome\.json|CHANGELOG\.md)$/;
const NOT_OURS = ['.git', 'node_modules', 'dist', '.build', 'coverage'];

interface Source {
  path: string;
  layer: Layer;
  /** The folder that is one room: `src/snoop`, `parsers/net`, `hw`. */
  room: string;
  code: string;
  imports: string[];
}

function layerOf(path: string): Layer {
  const [top, room] = path.split('/');
  if (top === 'parsers' || top === 'hw' || top === 'test') return top;
  if (room === 'base' || room === 'unit' || room === 'cli' || room === 'page') return room;
  return 'core';
}

const IMPORT =
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;

function sources(): Source[] {
  const found: Source[] = [];
  for (const top of ['src', 'parsers', 'hw', 'test']) {
    for (const entry of readdirSync(join(ROOT, top), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
      const path = relative(ROOT, join(entry.parentPath, entry.name));
      const code = readFileSync(join(ROOT, path), 'utf8').replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, '');
      const imports = [...code.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3]);
      found.push({
        path,
        layer: layerOf(path),
        room: path
          .split('/')
          .slice(0, top === 'src' ? 2 : 1)
          .join('/'),
        code,
        imports,
      });
    }
  }
  return found;
}

function isRelative(name: string): boolean {
  return name.startsWith('.');
}

/** Where a relative import leads. */
function target(source: Source, name: string): string {
  return relative(ROOT, join(ROOT, dirname(source.path), name));
}

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}

describe('the house', () => {
  const all = sources();
  const broken = (rule: (source: Source, name: string) => boolean): string[] =>
    all.flatMap((source) =>
      source.imports.filter((name) => rule(source, name)).map((name) => `${source.path} imports ${name}`),
    );

  it('has read the sources', () => {
    assert.ok(all.length > 50);
    assert.ok(all.some(({ path, imports }) => path === 'src/cli/main.ts' && imports.includes('commander')));
    assert.ok(all.some(({ path, imports }) => path === 'src/cli/main.ts' && imports.includes('./mirror.ts')));
  });

  it('imports downwards only', () => {
    const upwards = broken(
      (source, name) => isRelative(name) && !MAY_IMPORT[source.layer].includes(layerOf(target(source, name))),
    );
    assert.deepEqual(upwards, []);
  });

  it('has a page that takes nothing but types from elsewhere', () => {
    const beyond = /^\s*import\b(?!\s+type\b)[^;]*?\bfrom\s*['"]\.\.\//m;
    const page = all.filter(({ layer }) => layer === 'page');
    assert.deepEqual(
      page.filter(({ code }) => beyond.test(code)).map(({ path }) => path),
      [],
    );
  });

  it('has no two rooms that need each other', () => {
    const needs = new Map<string, Set<string>>();
    for (const source of all.filter(({ layer }) => layer === 'core')) {
      for (const name of source.imports.filter(isRelative)) {
        const room = target(source, name).split('/').slice(0, 2).join('/');
        if (room !== source.room && layerOf(room) === 'core')
          needs.set(source.room, (needs.get(source.room) ?? new Set()).add(room));
      }
    }
    const reach = (from: string, seen: Set<string>): Set<string> => {
      for (const room of needs.get(from) ?? []) {
        if (!seen.has(room)) reach(room, seen.add(room));
      }
      return seen;
    };
    assert.deepEqual(
      [...needs.keys()].filter((room) => reach(room, new Set()).has(room)),
      [],
    );
  });

  it('names files with their ending', () => {
    assert.deepEqual(
      broken((_, name) => isRelative(name) && !name.endsWith('.ts')),
      [],
    );
  });

  it('goes through one door to each package', () => {
    const closed = (source: Source, name: string) =>
      !isRelative(name) && !name.startsWith('node:') && DOORS[packageOf(name)]?.test(source.path) !== true;
    assert.deepEqual(broken(closed), []);
  });

  it('keeps effects in hw', () => {
    const effect = (source: Source, name: string) => EFFECTS.test(name) && !EFFECTS_DOOR.test(source.path);
    assert.deepEqual(broken(effect), []);
  });

  it('has parsers and core rooms without I/O, clock or log', () => {
    const pure = all.filter(({ layer }) => layer === 'base' || layer === 'parsers' || layer === 'core');
    const modules = pure.flatMap(({ path, imports }) =>
      imports
        .filter((name) => name.startsWith('node:') && !PURE.includes(name))
        .map((name) => `${path} imports ${name}`),
    );
    const words = pure.flatMap(({ path, code }) => {
      const match = IMPURE.exec(code);
      return match === null ? [] : [`${path} uses ${match[0]}`];
    });
    assert.deepEqual([...modules, ...words], []);
  });

  it('needs only packages that package.json names', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >;
    const shipped = { ...manifest.dependencies, ...manifest.optionalDependencies };
    const named = (source: Source) => (source.layer === 'test' ? { ...shipped, ...manifest.devDependencies } : shipped);
    const missing = broken(
      (source, name) =>
        !isRelative(name) && !name.startsWith('node:') && !Object.hasOwn(named(source), packageOf(name)),
    );
    assert.deepEqual(missing, []);
    for (const [name, version] of Object.entries({ ...shipped, ...manifest.devDependencies })) {
      assert.match(version, /^\d+\.\d+\.\d+$/, `${name} has no exact version`);
    }
  });

  it('has a lock file that names no registry and keeps the live tap optional', () => {
    const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
    assert.doesNotMatch(lock, /"resolved"/);
    const { packages } = JSON.parse(lock) as { packages: Record<string, { optional?: boolean }> };
    assert.equal(packages['node_modules/pcap'].optional, true);
  });

  it('has nothing unexpected at the top', () => {
    assert.deepEqual(
      readdirSync(ROOT).filter((name) => !NOT_OURS.includes(name) && !TOP.test(name)),
      [],
    );
  });
});
