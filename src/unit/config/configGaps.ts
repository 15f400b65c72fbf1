import type { Placed } from './configCheck.ts';
import { type ConfigNode, type Mistake, quoted } from './configTree.ts';
import { isOfBus, isReceived, type RawOneVolume } from './configVolume.ts';

/** The parts of a unit's configuration of which one needs another. */
export interface RawParts {
  source?: Placed<unknown>;
  receive?: Placed<unknown>;
  volumes?: Placed<RawOneVolume>[];
}

/** What one part needs of another. */
export function refuseGaps(raw: RawParts, root: ConfigNode, book: Mistake[]): void {
  const named = (key: string): boolean => root.kind === 'map' && root.entries.some((entry) => entry.key === key);
  const tell = ({ at, where }: { at: number; where: string }, wrong: string, mend: string): void => {
    book.push({ at, where, wrong, mend });
  };
  if (!named('source') && !named('receive') && !named('serve')) {
    const mend =
      'write "source": {"tap": {...}} or {"tee": {...}} or {"probe": {...}}, or "receive": {"listen": "IP:PORT"} for links';
    tell({ at: root.at, where: '' }, 'neither the key "source" nor the key "receive" is there', mend);
  }
  // A unit that only serves has nothing to mirror.
  if (!named('volumes') && (!named('serve') || named('source') || named('receive'))) {
    const mend = 'write "volumes": [{"lu": ..., "mirrors": [...]}]';
    tell({ at: root.at, where: '' }, 'the key "volumes" is missing', mend);
  }
  const { source, receive, volumes = [] } = raw;
  for (const one of volumes) {
    if (isReceived(one.value) && !named('receive')) {
      const mend = 'name its logical unit in "lu", or write "receive": {"listen": "IP:PORT"} at the top';
      tell(one, 'a volume without "lu" comes over a link, and no link arrives here', mend);
    }
    if (isOfBus(one.value) && !named('source') && named('receive')) {
      const mend = 'write "source" at the top, or leave "lu" out for a volume that comes over a link';
      tell(one, 'a volume of a bus, and this unit is on none', mend);
    }
  }
  const ofProbe = (source?.value as { probe?: unknown } | undefined)?.probe !== undefined;
  for (const { value } of ofProbe ? volumes.filter((one) => isOfBus(one.value)) : []) {
    const { lu } = value as { lu?: Placed<string> };
    if (lu === undefined || /^scsi:(?:\d|1[0-5])\/\d+$/.test(lu.value)) continue;
    tell(lu, `${quoted(lu.value)} is no logical unit of a parallel bus`, 'write "scsi:ID/LUN", such as "scsi:3/0"');
  }
  if (receive !== undefined && volumes.length > 0 && !volumes.some(({ value }) => isReceived(value))) {
    const mend = 'add {"name": NAME, "mirrors": ["file:PATH"]} to "volumes"';
    tell(receive, 'links arrive, and no volume of theirs is named', mend);
  }
  if (source !== undefined && volumes.length > 0 && !volumes.some(({ value }) => isOfBus(value))) {
    tell(source, 'no volume of this bus is named', 'add {"lu": ..., "mirrors": [...]} to "volumes"');
  }
  if (named('tls')) return;
  const mirrors = volumes.flatMap(({ value }) => value.mirrors ?? []);
  const link = receive ?? mirrors.find(({ value }) => value.kind === 'journey');
  const mend = 'write "tls": {"ca": FILE, "cert": FILE, "key": FILE}; `tapmirror keys` makes them';
  if (link !== undefined) tell(link, 'a link is made with certificates, and "tls" is missing', mend);
}
