import { parseNetwork } from '../../iscsi/target/access.ts';
import type { TargetLimits } from '../../iscsi/target/types.ts';
import type { ServeAuth, ServeLun, ServeTarget, ServeUser } from '../serve/serveTypes.ts';
import { type Check, group, list, oneOf, type Placed, placed, type Reading, text, whole } from './configCheck.ts';
import {
  firstMedium,
  type RawMedium,
  type SecretPlace,
  secretOf,
  secretPath,
  userName,
  variable,
} from './configMedium.ts';
import type { Fields } from './configParts.ts';
import { absolute, mediumConfig, type SecretWant } from './configSecrets.ts';
import { type Mistake, quoted } from './configTree.ts';
import type { ServeConfig, ServeSource } from './configTypes.ts';
import { bytes, flag, initiatorName, path, portal } from './configValues.ts';

interface RawUser {
  user: string;
  secretFile?: Placed<string>;
  secretEnv?: Placed<string>;
}

interface RawProof {
  user: string;
  secret: Placed<SecretPlace>;
}

interface RawAuth {
  users: RawProof[];
  algorithms?: (keyof typeof ALGORITHMS)[];
  mutual?: RawProof;
}

interface RawMoment {
  volume: string;
  at: string;
  scratch?: Placed<string>;
  force?: boolean;
}

interface RawLun {
  lun: Placed<number>;
  from?: Placed<RawMedium>;
  mirror?: Placed<string>;
  received?: Placed<string>;
  moment?: Placed<RawMoment>;
  blockSize?: number;
  physicalBlockSize?: number;
  thin?: boolean;
  cache?: boolean;
  readOnly?: boolean;
  removable?: boolean;
  vendor?: string;
  product?: string;
  serial?: string;
  naa?: string;
  identity?: 'first';
}

interface RawTarget {
  name: Placed<string>;
  alias?: string;
  portals?: string[];
  auth?: RawAuth;
  allow?: { initiators?: string[]; networks?: string[] };
  luns: RawLun[];
}

/** What the unit serves as an iSCSI target, as it is written. */
export interface RawServe {
  listen: string[];
  targets: RawTarget[];
  discovery?: RawAuth;
  limits?: Partial<Pick<TargetLimits, 'connections' | 'sessions' | 'commands' | 'bytes'>>;
  dirtyBytes?: number;
  awakeUs?: number;
}

const LUN_MAX = 16_383;
const BLOCK_MIN = 512;
const BLOCK_MAX = 65_536;
const DIRTY_MIN = 1 << 20;
const BYTES_MIN = 4 << 20;
const AWAKE_US_MAX = 1000;
/** Bytes in the system's cache that begin a flush, and microseconds awake after bytes came. */
export const SERVE_DEFAULTS = { dirtyBytes: 256 << 20, awakeUs: 50 } as const;

/** IANA's registry of PPP authentication algorithms, as RFC 7143 section 12.1.3 uses it. */
const ALGORITHMS = { md5: 5, sha1: 6, sha256: 7, 'sha3-256': 8 } as const;

const proofKeys = group<RawUser>({
  user: { check: userName, required: 'write "user": NAME' },
  secretFile: { check: placed(secretPath) },
  secretEnv: { check: placed(variable) },
});

const proof: Check<RawProof> = (node, where, book) => {
  const raw = proofKeys(node, where, book);
  if (raw?.user === undefined) return undefined;
  const secret = secretOf(raw.secretFile, raw.secretEnv, ({ at, where: at2 }, wrong, mend) => {
    book.push({ at, where: at2, wrong, mend });
  });
  if (secret !== undefined) return { user: raw.user, secret };
  book.push({ at: node.at, where, wrong: 'a user without a secret', mend: 'add "secretFile" or "secretEnv"' });
  return undefined;
};

const auth: Check<RawAuth> = group<RawAuth>({
  users: {
    check: list(proof, 1, '[{"user": NAME, "secretFile": FILE}]'),
    required: 'write "users": [{"user": NAME, ...}]',
  },
  mutual: { check: proof },
  algorithms: { check: list(oneOf(['md5', 'sha1', 'sha256', 'sha3-256']), 1, '["sha256", "sha3-256"]') },
});

const initiatorPattern = text<string>((words): Reading<string> => {
  if (/^[a-z0-9.:*\u0080-\uffff-]+$/.test(words)) return { value: words };
  const mend = 'write a name such as "iqn.2024-01.com.example:host-1", lower case, * for any characters';
  return { wrong: `${quoted(words)} is no initiator's name`, mend };
}, 'iqn.2024-01.com.example:*');

const network = text<string>((words): Reading<string> => {
  if (parseNetwork(words) !== undefined) return { value: words };
  return { wrong: `${quoted(words)} is no network`, mend: 'write for example "10.0.0.0/24" or "fd66::/64"' };
}, '10.0.0.0/24');

/** Characters that INQUIRY data may hold (SPC-5 section 4.3.1). */
function ascii(max: number, example: string): Check<string> {
  return text((words): Reading<string> => {
    if (words !== '' && words.length <= max && /^[\x20-\x7e]+$/.test(words)) return { value: words };
    return { wrong: `${quoted(words)} is not 1 to ${max} ASCII characters`, mend: 'write a shorter one' };
  }, example);
}

const naa = text<string>((words): Reading<string> => {
  const digits = words.toLowerCase().replace(/^(?:0x|naa\.)/, '');
  const whole = /^(?:[235][0-9a-f]{15}|6[0-9a-f]{31})$/.test(digits);
  if (whole) return { value: digits };
  const mend =
    'write the 16 or 32 hexadecimal digits of the designator as hosts show it, such as "3600..." without its first 3';
  return { wrong: `${quoted(words)} is no NAA designator (SPC-5 section 7.7.6.6)`, mend };
}, '60014050000000000000000000000001');

const moment = group<RawMoment>({
  volume: { check: text((words) => ({ value: words }), 'database'), required: 'write "volume": NAME' },
  at: { check: text((words) => ({ value: words }), '-15m'), required: 'write "at": a bookmark, a sequence or a time' },
  scratch: { check: placed(path('/srv/scratch.img')) },
  force: { check: flag },
});

const lunKeys = group<RawLun>({
  lun: { check: placed(whole(0, LUN_MAX, 'units')), required: 'write "lun": NUMBER' },
  from: { check: placed(firstMedium) },
  mirror: { check: placed(text((words) => ({ value: words }), 'file:/srv/second.img')) },
  received: { check: placed(text((words) => ({ value: words }), 'database')) },
  moment: { check: placed(moment) },
  blockSize: { check: whole(BLOCK_MIN, BLOCK_MAX, 'bytes') },
  physicalBlockSize: { check: whole(BLOCK_MIN, BLOCK_MAX, 'bytes') },
  thin: { check: flag },
  cache: { check: flag },
  readOnly: { check: flag },
  removable: { check: flag },
  vendor: { check: ascii(8, 'EXAMPLE') },
  product: { check: ascii(16, 'Database') },
  serial: { check: ascii(64, 'db-0001') },
  naa: { check: naa },
  identity: { check: oneOf(['first']) },
} satisfies Fields<RawLun>);

const lun: Check<RawLun> = (node, where, book) => {
  const before = book.length;
  const raw = lunKeys(node, where, book);
  if (raw === undefined || book.length > before) return raw;
  const tell = (wrong: string, mend: string): void => void book.push({ at: node.at, where, wrong, mend });
  const sources = [raw.from, raw.mirror, raw.received, raw.moment].filter((one) => one !== undefined);
  if (sources.length !== 1)
    tell('one of "from", "mirror", "received" and "moment" is expected', 'write "from": "file:PATH"');
  if (raw.identity === 'first') {
    if (raw.mirror === undefined && raw.received === undefined)
      tell('only what is promoted can stand in for a first volume', 'leave "identity" out');
    if ([raw.vendor, raw.product, raw.serial, raw.naa].some((word) => word !== undefined))
      tell(
        'both the identity of the first volume and one of its own',
        'leave "vendor", "product", "serial" and "naa" out',
      );
  }
  const { blockSize = BLOCK_MIN, physicalBlockSize = BLOCK_MIN } = raw;
  if (![blockSize, physicalBlockSize].every((bytes) => Number.isInteger(Math.log2(bytes))))
    tell('a block size that is no power of two', 'write 512 or 4096');
  return raw;
};

const targetKeys = group<RawTarget>({
  name: { check: placed(initiatorName), required: 'write "name": "iqn.2024-01.com.example:disks"' },
  alias: { check: ascii(255, 'disks') },
  portals: { check: list(portal, 0, '["10.0.0.1:3260"]') },
  auth: { check: auth },
  allow: {
    check: group<NonNullable<RawTarget['allow']>>({
      initiators: { check: list(initiatorPattern, 0, '["iqn.2024-01.com.example:*"]') },
      networks: { check: list(network, 0, '["10.0.0.0/24"]') },
    }),
  },
  luns: {
    check: list(lun, 1, '[{"lun": 0, "from": "file:PATH"}]'),
    required: 'write "luns": [{"lun": 0, "from": ...}]',
  },
});

const listen: Check<string[]> = (node, where, book) =>
  node.kind === 'list' ? list(portal, 1, '["10.0.0.1:3260"]')(node, where, book) : oneOrNone(portal(node, where, book));

function oneOrNone(value: string | undefined): string[] | undefined {
  return value === undefined ? undefined : [value];
}

const shape = group<RawServe>({
  listen: { check: listen, required: 'write "listen": "IP:PORT", where hosts log in' },
  targets: {
    check: list(targetKeys, 1, '[{"name": IQN, "luns": [...]}]'),
    required: 'write "targets": [{"name": IQN, ...}]',
  },
  discovery: { check: auth },
  limits: {
    check: group<NonNullable<RawServe['limits']>>({
      connections: { check: whole(1, 65_536, 'connections') },
      sessions: { check: whole(1, 65_536, 'sessions') },
      commands: { check: whole(1, 1024, 'commands') },
      bytes: { check: bytes(BYTES_MIN) },
    }),
  },
  dirtyBytes: { check: bytes(DIRTY_MIN) },
  awakeUs: { check: whole(0, AWAKE_US_MAX, 'microseconds') },
});

/** What the unit serves; also held against itself: no name and no LUN twice. */
export const serve: Check<RawServe> = (node, where, book) => {
  const raw = shape(node, where, book);
  const names = new Map<string, string>();
  for (const target of raw?.targets ?? []) {
    if (target.name !== undefined) once(target.name, target.name.value, names, book);
    const luns = new Map<string, string>();
    for (const { lun } of target.luns ?? []) if (lun !== undefined) once(lun, String(lun.value), luns, book);
  }
  return raw;
};

function once({ at, where }: Placed<unknown>, key: string, seen: Map<string, string>, book: Mistake[]): void {
  const other = seen.get(key);
  if (other !== undefined) book.push({ at, where, wrong: `the same as ${other}`, mend: 'choose another' });
  seen.set(key, where);
}

/** Media that are named: a file or LU is served by nobody else meanwhile. */
export function servedMedia(raw: RawServe): Placed<RawMedium>[] {
  return (raw.targets ?? []).flatMap(({ luns }) =>
    (luns ?? []).flatMap(({ from }) => (from === undefined ? [] : [from])),
  );
}

/** `raw` comes from a tree without mistakes. */
export function serveConfig(raw: RawServe, at: (path: string) => string, wants: SecretWant[]): ServeConfig {
  const { listen, targets, discovery, limits, dirtyBytes, awakeUs } = raw;
  return {
    listen,
    targets: targets.map((target) => targetConfig(target, at, wants)),
    limits: { ...limits },
    ...SERVE_DEFAULTS,
    ...(dirtyBytes === undefined ? {} : { dirtyBytes }),
    ...(awakeUs === undefined ? {} : { awakeUs }),
    ...(discovery === undefined ? {} : { discovery: authConfig(discovery, at, wants) }),
  };
}

function targetConfig(raw: RawTarget, at: (path: string) => string, wants: SecretWant[]): ServeTarget<ServeSource> {
  const { name, alias, portals = [], auth, allow, luns } = raw;
  return {
    name: name.value,
    ...(alias === undefined ? {} : { alias }),
    portals,
    luns: luns.map((one) => lunConfig(one, at, wants)),
    ...(auth === undefined ? {} : { auth: authConfig(auth, at, wants) }),
    allow: { initiators: allow?.initiators ?? [], networks: allow?.networks ?? [] },
  };
}

function lunConfig(raw: RawLun, at: (path: string) => string, wants: SecretWant[]): ServeLun<ServeSource> {
  const { lun, blockSize, physicalBlockSize, thin = false, cache = false, readOnly = false, removable = false } = raw;
  const { vendor, product, serial, naa } = raw;
  const chosen = Object.entries({ vendor, product, serial, naa }).filter(([, value]) => value !== undefined);
  return {
    lun: lun.value,
    from: sourceConfig(raw, at, wants),
    ...(blockSize === undefined ? {} : { blockSize }),
    ...(physicalBlockSize === undefined ? {} : { physicalBlockSize }),
    thin,
    cache,
    readOnly,
    removable,
    identity: Object.fromEntries(chosen),
    ...(raw.identity === undefined ? {} : { asFirst: true }),
  };
}

function sourceConfig(
  { from, mirror, received, moment }: RawLun,
  at: (path: string) => string,
  wants: SecretWant[],
): ServeSource {
  if (from !== undefined) return mediumConfig(from.value, at, wants);
  if (mirror !== undefined) return { kind: 'mirror', to: mirror.value };
  if (received !== undefined) return { kind: 'received', volume: received.value };
  const { volume, at: when, scratch, force = false } = (moment as Placed<RawMoment>).value;
  const scratchPath = scratch === undefined ? {} : { scratch: at(scratch.value) };
  return { kind: 'moment', volume, at: when, force, ...scratchPath };
}

function authConfig(raw: RawAuth, at: (path: string) => string, wants: SecretWant[]): ServeAuth {
  const users = raw.users.map((one) => proofConfig(one, at, wants));
  const algorithms = raw.algorithms && { algorithms: raw.algorithms.map((one) => ALGORITHMS[one]) };
  if (raw.mutual === undefined) return { users, ...algorithms };
  const mutual: ServeUser = { user: raw.mutual.user, secret: '' };
  wants.push({
    from: absolute(raw.mutual.secret, at),
    put: (secret) => {
      mutual.secret = secret;
      return users.some((one) => one.secret === secret) ? SAME_SECRETS : undefined;
    },
  });
  return { users, mutual, ...algorithms };
}

function proofConfig({ user, secret }: RawProof, at: (path: string) => string, wants: SecretWant[]): ServeUser {
  const config: ServeUser = { user, secret: '' };
  wants.push({
    from: absolute(secret, at),
    put: (words) => {
      config.secret = words;
      return undefined;
    },
  });
  return config;
}

const SAME_SECRETS = {
  wrong: 'the same secret in both directions (RFC 7143 section 9.2.1 forbids it)',
  mend: 'give the target a secret of its own',
};
