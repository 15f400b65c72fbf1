import { type Check, group, list, oneOf, type Placed, placed, type Reading, text, whole } from './configCheck.ts';
import { SOURCES_LATER } from './configParts.ts';
import { type ConfigNode, type Mistake, quoted } from './configTree.ts';
import type { ProbeSource, TapSource, TeeSource } from './configTypes.ts';
import { bytes, flag, networkInterface, portal } from './configValues.ts';

interface RawTap {
  interfaces: Placed<string>[];
  portals?: string[];
  bufferBytes?: number;
  snaplen?: number;
  promiscuous?: boolean;
  tunnels?: boolean;
  filter?: Placed<string>;
}

interface RawTee {
  listen: string;
  target: Placed<string>;
  rewriteDiscovery?: boolean;
  status?: 'at-once' | 'recorded';
  connections?: number;
  awakeUs?: number;
}

interface RawProbe {
  port: string;
  baudRate?: number;
  mode?: ProbeSource['mode'];
}

/** How the unit sits on a live bus, as it is written: exactly one of them. */
export interface RawSource {
  tap?: RawTap;
  tee?: RawTee;
  probe?: RawProbe;
}

const TAP_BUFFER_MIN = 1 << 20;
/** libpcap takes the size as an `int`. */
const TAP_BUFFER_MAX = 2 ** 31 - 1;
const SNAPLEN_MIN = 128;
/** libpcap's own limit (MAXIMUM_SNAPLEN). */
const SNAPLEN_MAX = 262_144;
const FILTER_CHARACTERS_MAX = 65_536;

const filter = text<string>((words): Reading<string> => {
  const fits = words.trim() !== '' && words.length <= FILTER_CHARACTERS_MAX && !words.includes('\0');
  return fits
    ? { value: words }
    : { wrong: 'not a filter', mend: 'write one as tcpdump takes it, such as "tcp port 3260"' };
}, 'tcp port 3260');

const tapGroup = group<RawTap>({
  interfaces: { check: list(placed(networkInterface), 1, '["eth1"]'), required: 'write "interfaces": ["eth1"]' },
  portals: { check: list(portal, 0, '["10.0.0.1:3260"]') },
  bufferBytes: { check: within(bytes(TAP_BUFFER_MIN), TAP_BUFFER_MAX) },
  snaplen: { check: whole(SNAPLEN_MIN, SNAPLEN_MAX, 'bytes') },
  promiscuous: { check: flag },
  tunnels: { check: flag },
  filter: { check: placed(filter) },
});

function within(check: Check<number>, max: number): Check<number> {
  return (node, where, book) => {
    const value = check(node, where, book);
    if (value === undefined || value <= max) return value;
    book.push({
      at: node.at,
      where,
      wrong: `${value} is above ${max} bytes`,
      mend: 'write "256MiB", or at most "2047MiB"',
    });
    return undefined;
  };
}

const tap: Check<RawTap> = (node, where, book) => {
  const raw = tapGroup(node, where, book);
  const names = new Set<string>();
  for (const { value, ...place } of raw?.interfaces ?? []) {
    if (names.has(value)) book.push({ ...place, wrong: `${quoted(value)} a second time`, mend: 'name each once' });
    names.add(value);
  }
  if (raw?.filter !== undefined && raw.portals !== undefined && raw.portals.length > 0) {
    const { at, where } = raw.filter;
    const wrong = 'a filter takes the place of the one that is made from "portals"';
    book.push({ at, where, wrong, mend: 'keep one of the two' });
  }
  return raw;
};

/** A portal that can be connected to. */
const targetPortal: Check<string> = (node, where, book) => {
  const value = portal(node, where, book);
  if (value === undefined || !/^(?:0\.0\.0\.0|\[::\]):/.test(value)) return value;
  const mend = 'write the address of the target, such as "10.0.0.1:3260"';
  book.push({ at: node.at, where, wrong: `nobody can connect to ${quoted(value)}`, mend });
  return undefined;
};

const teeGroup = group<RawTee>({
  listen: { check: portal, required: 'write "listen": "IP:PORT", where hosts will connect to' },
  target: { check: placed(targetPortal), required: 'write "target": "IP:PORT", where the target listens' },
  rewriteDiscovery: { check: flag },
  status: { check: oneOf(['at-once', 'recorded']) },
  connections: { check: whole(1, 65_535, 'connections') },
  awakeUs: { check: whole(0, 1000, 'microseconds') },
});

const tee: Check<RawTee> = (node, where, book) => {
  const raw = teeGroup(node, where, book);
  if (raw?.target !== undefined && raw.listen === raw.target.value) {
    const { at, where } = raw.target;
    book.push({
      at,
      where,
      wrong: 'the tee would connect to itself',
      mend: 'give "listen" an address or port of its own',
    });
  }
  return raw;
};

const BAUD_RATE_MAX = 20_000_000;

const port = text<string>(
  (words): Reading<string> =>
    words.trim() !== '' && !words.includes('\0')
      ? { value: words }
      : { wrong: 'not a serial port', mend: '`tapmirror doctor` lists those of this machine' },
  '/dev/ttyACM0',
);

const probe: Check<RawProbe> = group<RawProbe>({
  port: { check: port, required: 'write "port": "/dev/ttyACM0"; `tapmirror doctor` lists those of this machine' },
  baudRate: { check: whole(1200, BAUD_RATE_MAX, 'bits a second') },
  mode: { check: oneOf(['auto', 'full', 'header-only']) },
});

/** Another attachment beside a live one: told where both are counted. */
const beside: Check<undefined> = () => undefined;

const sources = group<RawSource & { replay?: undefined }>(
  {
    tap: { check: tap },
    tee: { check: tee },
    probe: { check: probe },
    replay: { check: beside as Check<never> },
  },
  SOURCES_LATER,
);

/** Exactly one attachment. */
export const source: Check<RawSource> = (node, where, book) => {
  const raw = sources(node, where, book);
  const named = node.kind === 'map' ? node.entries.filter(({ key }) => /^(?:replay|tap|tee|probe)$/.test(key)) : [];
  const later = node.kind === 'map' && node.entries.some(({ key }) => Object.hasOwn(SOURCES_LATER, key));
  if (node.kind === 'map' && named.length === 0 && !later) missing(node, where, book);
  for (const { key, keyAt } of named.slice(1)) {
    if (key === named[0].key) continue;
    const wrong = `a second attachment beside "${named[0].key}"`;
    book.push({ at: keyAt, where: `${where}.${key}`, wrong, mend: 'keep one: each unit sits on the bus in one way' });
  }
  return raw;
};

function missing(node: ConfigNode, where: string, book: Mistake[]): void {
  const mend =
    'write "tap": {"interfaces": ["eth1"]}, or "tee": {"listen": "IP:PORT", "target": "IP:PORT"}, or "probe": {"port": PORT}';
  book.push({ at: node.at, where, wrong: 'no attachment is named', mend });
}

/** `raw` comes from a tree without mistakes: one of them is there. */
export function sourceConfig(raw: RawSource): TapSource | TeeSource | ProbeSource {
  if (raw.tap !== undefined) {
    const { interfaces, filter, ...rest } = raw.tap;
    return {
      kind: 'tap',
      portals: [],
      bufferBytes: 256 << 20,
      snaplen: SNAPLEN_MAX,
      promiscuous: true,
      tunnels: true,
      ...rest,
      interfaces: interfaces.map(({ value }) => value),
      ...(filter === undefined ? {} : { filter: filter.value }),
    };
  }
  if (raw.probe !== undefined) return { kind: 'probe', baudRate: 3_000_000, mode: 'auto', ...raw.probe };
  const { listen, target, ...rest } = raw.tee as RawTee;
  return {
    kind: 'tee',
    listen,
    target: target.value,
    rewriteDiscovery: false,
    status: 'at-once',
    connections: 1024,
    awakeUs: 50,
    ...rest,
  };
}
