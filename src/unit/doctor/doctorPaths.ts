import type { SessionView } from '../../snoop/snoop.ts';
import type { OtherLu } from '../bus/busOthers.ts';
import type { LiveConfig, LiveVolumeConfig } from '../config/configTypes.ts';
import { about, type Finding } from './doctorTypes.ts';

/** What was seen on the bus: by a unit that runs, or by the doctor as it listened. */
export interface SeenPaths {
  by: 'unit' | 'doctor';
  sessions: readonly SessionView[];
  others: readonly OtherLu[];
}

/**
 * Portals seen on the wire against those that are configured (requirement H4). A path from a host to a volume that the unit
 * does not see makes its mirrors differ without anybody noticing: each that can be told is named.
 */
export function lookAtPaths(config: LiveConfig, seen: SeenPaths): Finding[] {
  return [...outside(config, seen), ...config.volumes.flatMap((volume) => pathsOf(volume, seen)), ...others(seen)];
}

/** The doctor listens to everything, the unit only to what its filter lets pass. */
function outside({ source, volumes }: LiveConfig, { by, sessions }: SeenPaths): Finding[] {
  if (by !== 'doctor' || source?.kind !== 'tap' || source.portals.length === 0) return [];
  const passed = new Set(source.portals);
  const strays = sessions.filter(({ portal }) => !passed.has(portal));
  return strays.flatMap(({ portal, target, host, volumes: meant, named }) => {
    const one = about('path', portal);
    const mine = meant.filter((lu) => volumes.some((volume) => volume.lu === lu));
    const mend = `add ${portal} to source.tap.portals`;
    if (mine.length > 0 && named) {
      const words = `${host} reaches ${mine.join(', ')} there, and source.tap.portals leaves it out: writes are missed`;
      return [one.fail(words, mend)];
    }
    if (named) return [];
    const words = `${host} uses iSCSI there (its login was not seen), and source.tap.portals leaves it out`;
    return [one.warn(words, `${mend}, if a volume of this unit is behind it (${target})`)];
  });
}

function pathsOf(volume: LiveVolumeConfig, { by, sessions }: SeenPaths): Finding[] {
  const name = volume.name ?? volume.lu;
  const mine = sessions.filter(({ volumes }) => volumes.includes(volume.lu));
  const one = about('path', name);
  if (mine.length === 0) {
    const who = by === 'unit' ? 'the unit sees no session of a host' : 'no session of a host was seen';
    const mend = 'see that a host is logged in, that `lu` is its target name and LUN, and that the tap sees its way';
    return [one.warn(`${who} to it: either none uses it, or its way is not tapped`, mend)];
  }
  const ways = new Map<string, Set<string>>();
  for (const { portal, host } of mine) ways.set(portal, (ways.get(portal) ?? new Set()).add(host));
  const found = [...ways].map(([portal, hosts]) => one.ok(`seen at ${portal}: ${[...hosts].join(', ')}`));
  if (volume.portals.length === 0) return found;
  const unseen = volume.portals.filter((portal) => !ways.has(portal));
  const unnamed = [...ways.keys()].filter((portal) => !volume.portals.includes(portal));
  return [
    ...found,
    ...unseen.map((portal) => {
      const words = `nobody is seen at its portal ${portal}: a way that is used but not tapped is not mirrored`;
      return one.warn(words, "tap the way to that portal too, or take it out of the volume's `portals`");
    }),
    ...unnamed.map((portal) => {
      const words = `it is used at ${portal}, which its \`portals\` do not name`;
      return one.warn(words, `add ${portal}: a session whose login was missed is told by its portal`);
    }),
  ];
}

function others({ others: all }: SeenPaths): Finding[] {
  return all.map(({ lu, writes }) => {
    const words = `it was written ${writes} times and is no configured volume: nobody mirrors it`;
    return about('path', lu).warn(words, 'add it to `volumes` if it is to be mirrored, or under its other name');
  });
}
