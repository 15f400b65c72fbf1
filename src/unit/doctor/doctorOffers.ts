import { normalPortal } from '../../base/address.ts';
import { Fault } from '../../base/fault.ts';
import type { LiveConfig, LiveVolumeConfig, LuMedium } from '../config/configTypes.ts';
import { landingOf, openLuSession, type SessionPlan } from '../lu/luSession.ts';
import { LU_TIMING } from '../lu/luTiming.ts';
import { isidOf } from '../lu/media.ts';
import { DOCTOR, DOCTOR_NAME } from './doctorIdentity.ts';
import type { SeenPaths } from './doctorPaths.ts';
import { about, type Finding } from './doctorTypes.ts';

const TIMING = { ...LU_TIMING, connectMs: 3000, loginMs: 5000, commandMs: 5000, logoutMs: 1000 };
const LUN_0 = new Uint8Array(8);

type Source = LiveConfig['source'];

/**
 * Where the targets of first volumes say that they are (SendTargets), against what is tapped or stands behind the tee: a host
 * that goes to another portal is not mirrored, and nobody notices.
 */
export async function lookAtOffers(config: LiveConfig, seen: SeenPaths | undefined): Promise<Finding[]> {
  const { source, volumes } = config;
  if (source?.kind !== 'tap' && source?.kind !== 'tee') return [];
  const asked = new Map<string, Promise<string[]>>();
  const each = volumes.map(async (volume) => {
    const { first } = volume;
    if (first?.kind !== 'lu') return [];
    const { host, port, target } = first.url;
    const key = `${host}\n${port}\n${target}`;
    const offered = asked.get(key) ?? offeredPortals(first, config.initiator);
    asked.set(key, offered);
    try {
      return judgeOffers(volume, await offered, source, seen);
    } catch (error) {
      if (!(error instanceof Fault) || error.blame === 'bug') throw error;
      // That it does not answer is told of the volume itself.
      if (error.unreachable) return [];
      return [about('path', nameOf(volume)).ok(`where else its target is cannot be asked: ${error.message}`)];
    }
  });
  return (await Promise.all(each)).flat();
}

/** Portals of one volume's target, held against what the unit sees of it. */
export function judgeOffers(
  volume: Pick<LiveVolumeConfig, 'lu' | 'name' | 'portals'>,
  offered: readonly string[],
  source: Source,
  seen: SeenPaths | undefined,
): Finding[] {
  const one = about('path', nameOf(volume));
  if (offered.length === 0) return [];
  const found = [one.ok(`its target offers it at ${offered.join(', ')}`)];
  // Whoever names the portals that hosts use says that nobody goes to others.
  const used = offered.filter((portal) => volume.portals.length === 0 || volume.portals.includes(portal));
  const named = `or where no host goes there, name the portals that hosts use in the volume's \`portals\``;
  if (source?.kind === 'tee') {
    for (const portal of used.filter((other) => other !== source.target && other !== source.listen)) {
      const words = `its target offers it at ${portal} too: a host that goes there passes the tee by, and is not mirrored`;
      const mend = `let nobody but the unit reach ${portal} (an access list of the target), or put a tee before it; ${named}`;
      found.push(one.warn(words, mend));
    }
  }
  if (source?.kind !== 'tap') return found;
  const passed = source.filter !== undefined || source.portals.length === 0 ? used : source.portals;
  const ways = new Set(
    (seen?.sessions ?? []).filter((way) => way.volumes.includes(volume.lu)).map((way) => way.portal),
  );
  for (const portal of used) {
    const end = 'a host that goes there is not mirrored';
    if (!passed.includes(portal)) {
      const words = `its target offers it at ${portal} too, which source.tap.portals leaves out: ${end}`;
      found.push(one.warn(words, `add ${portal} to source.tap.portals, and tap the way to it; ${named}`));
      // What the volume's own portals name, and nobody is seen at, is told beside its sessions.
    } else if (ways.size > 0 && !ways.has(portal) && volume.portals.length === 0) {
      const words = `its target offers it at ${portal} too, where nobody is seen: by a way that is not tapped ${end}`;
      found.push(one.warn(words, `see that the tap sees the way to ${portal}; ${named}`));
    }
  }
  return found;
}

/**
 * The portals of an LU's target, as the target tells them; an address that is a name stays one. Rejects with a `Fault` where
 * it does not tell.
 */
export async function offeredPortals({ url, digests, mutual, to }: LuMedium, initiator?: string): Promise<string[]> {
  const plan: SessionPlan = {
    url,
    initiatorName: DOCTOR_NAME,
    // Another than that of the session which looks at the medium: it would take its place.
    isid: isidOf(DOCTOR, `${to} targets`),
    credentials: url.user === undefined ? undefined : { user: url.user, secret: url.secret ?? '', mutual },
    digests,
    lun: LUN_0,
    writable: false,
    timing: TIMING,
  };
  // Discovery may be closed to one who may log in, and tells of all targets; an ordinary session tells only of its own.
  const all = await askTargets({ ...plan, discovery: true }, url.target).catch((error: unknown) => {
    if (error instanceof Fault && error.blame !== 'bug') return [];
    throw error;
  });
  if (all.length > 0) return all;
  return askTargets(initiator === undefined ? plan : { ...plan, initiatorName: initiator }, url.target);
}

async function askTargets(plan: SessionPlan, target: string): Promise<string[]> {
  const session = await openLuSession(plan);
  try {
    const all = (await session.targets()).filter(({ name }) => name === target);
    return [...new Set(all.flatMap(({ addresses }) => addresses.map(portalOf)))].toSorted();
  } finally {
    await session.close();
  }
}

/** `host[:port][,group]` as portals are written here. */
function portalOf(address: string): string {
  const landing = landingOf(address);
  if (landing === undefined) return address;
  const { host, port } = landing;
  const text = host.includes(':') ? `[${host}]:${port}` : `${host.toLowerCase()}:${port}`;
  return normalPortal(text) ?? text;
}

function nameOf({ name, lu }: Pick<LiveVolumeConfig, 'name' | 'lu'>): string {
  return name ?? lu;
}
