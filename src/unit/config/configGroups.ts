import { type Check, group, list, type Placed, placed, text } from './configCheck.ts';
import { volumeName } from './configReceived.ts';
import { type Mistake, quoted } from './configTree.ts';
import type { GroupConfig } from './configTypes.ts';
import { luKey } from './configValues.ts';
import { isReceived, type RawOneVolume } from './configVolume.ts';

/** A consistency group, as it is written. */
export interface RawGroup {
  name: Placed<string>;
  volumes: Placed<string>[];
}

const VOLUMES = '["database", "log"]';

const member = text<string>(
  (words) => (words === '' ? { wrong: 'an empty name', mend: 'write the name or LU of a volume' } : { value: words }),
  'database',
);

const shape = group<RawGroup>({
  name: { check: placed(volumeName), required: 'write "name": NAME' },
  volumes: { check: list(placed(member), 2, VOLUMES), required: `write "volumes": ${VOLUMES}` },
});

/** Volumes whose writes share one order and one moment (C5). */
export const groups: Check<RawGroup[]> = list(shape, 0, `[{"name": "books", "volumes": ${VOLUMES}}]`);

/** Where every group stands, with its volumes by LU or by the name that links call them. */
export function groupsConfig(
  raw: readonly RawGroup[],
  volumes: readonly RawOneVolume[],
  book: Mistake[],
): GroupConfig[] {
  const taken = new Map<string, string>();
  const names = new Set<string>();
  return raw.map(({ name, volumes: members }) => {
    if (names.has(name.value)) tell(book, name, `a second group ${quoted(name.value)}`, 'give each a name of its own');
    names.add(name.value);
    const found = members.map((one) => find(one, volumes, book));
    const sides = new Set(found.map((one) => one?.side));
    if (sides.has('bus') && sides.has('link')) {
      const wrong = 'volumes of the bus and volumes that come over a link in one group';
      tell(book, name, wrong, 'make two groups of them: each keeps its own order');
    }
    found.forEach((one, i) => {
      if (!one) return;
      const other = taken.get(one.id);
      const mend = 'a volume is in one group: join the two';
      if (other !== undefined) tell(book, members[i], `${quoted(members[i].value)} is in ${other} already`, mend);
      taken.set(one.id, `group ${quoted(name.value)}`);
    });
    return { name: name.value, side: sides.has('bus') ? 'bus' : 'link', volumes: found.map((one) => one?.id ?? '') };
  });
}

function find(
  one: Placed<string>,
  volumes: readonly RawOneVolume[],
  book: Mistake[],
): { id: string; side: 'bus' | 'link' } | undefined {
  for (const volume of volumes) {
    if (isReceived(volume)) {
      if (volume.name?.value !== one.value) continue;
      const mend = 'write "history" at the volume: a moment of a group is one of the past';
      if (volume.history === undefined) tell(book, one, `no past is kept of ${quoted(one.value)}`, mend);
      return { id: one.value, side: 'link' };
    }
    if (volume.name !== one.value && !sameLu(volume.lu?.value, one.value)) continue;
    const mend = 'add a mirror "journey://HOST:PORT/VOLUME" at the volume';
    const links = volume.mirrors?.some(({ value }) => value.kind === 'journey');
    if (!links) tell(book, one, `no mirror of ${quoted(one.value)} keeps an order`, mend);
    return { id: volume.lu?.value ?? '', side: 'bus' };
  }
  tell(book, one, `no volume ${quoted(one.value)} is configured`, 'write a name or an LU of "volumes"');
  return undefined;
}

function sameLu(a: string | undefined, b: string): boolean {
  return a !== undefined && b.includes('/') && luKey(a) === luKey(b);
}

function tell(book: Mistake[], { at, where }: { at: number; where: string }, wrong: string, mend: string): void {
  book.push({ at, where, wrong, mend });
}
