import { openTap } from '../../../hw/tap.ts';
import { type SessionView, Snoop } from '../../snoop/snoop.ts';
import type { OtherLu } from '../bus/busOthers.ts';
import { portalFilter } from '../bus/tapFilter.ts';
import type { LiveConfig, TapSource } from '../config/configTypes.ts';
import { DOCTOR_NAME } from './doctorIdentity.ts';
import type { SeenPaths } from './doctorPaths.ts';

const SESSIONS_MAX = 1024;
const OTHERS_MAX = 256;
/** Small, as nothing is kept: what it misses another command of the same session shows. */
const BUFFER_BYTES = 16 * 2 ** 20;
const RING_BYTES = 16 * 2 ** 20;
const SNAPLEN = 65_536;
const LOOK_MS = 200;

/**
 * Listens at the interfaces of a tap, to all TCP whatever its `portals` say, for so long. Sessions are those that were there
 * at some time. Rejects with a `Fault` where it may not.
 */
export async function listenForPaths(config: LiveConfig, source: TapSource, ms: number): Promise<SeenPaths> {
  const mine = new Set(config.volumes.map(({ lu }) => lu));
  const others = new Map<string, OtherLu>();
  const snoop = new Snoop({
    volumes: config.volumes,
    sink: {
      command: ({ lu, nature }) => {
        if (nature !== 'write' || mine.has(lu)) return;
        const known = others.get(lu) ?? { lu, writes: 0 };
        known.writes++;
        if (others.size < OTHERS_MAX) others.set(lu, known);
      },
    },
    own: [DOCTOR_NAME, ...(config.initiator === undefined ? [] : [config.initiator])],
    joins: true,
  });
  const tap = await openTap({
    interfaces: source.interfaces,
    filter: portalFilter({ portals: [], tunnels: source.tunnels }),
    bufferBytes: BUFFER_BYTES,
    ringBytes: RING_BYTES,
    snaplen: SNAPLEN,
    promiscuous: source.promiscuous,
  });
  const seen = new Map<string, SessionView>();
  const look = (): void => {
    for (const one of snoop.sessionViews(SESSIONS_MAX)) {
      const key = `${one.host}\n${one.target}\n${one.portal}`;
      if (seen.size < SESSIONS_MAX || seen.has(key)) seen.set(key, one);
    }
  };
  const timer = setInterval(look, LOOK_MS);
  const end = setTimeout(() => void tap.stop(), ms);
  tap.beforeReuse = (bytes) => snoop.beforeReuse(bytes);
  try {
    for (let run = await tap.next(); run; run = await tap.next()) snoop.consume(run.batch, run.from, run.to);
    look();
  } finally {
    clearInterval(timer);
    clearTimeout(end);
    await tap.close();
  }
  return { by: 'doctor', sessions: [...seen.values()], others: [...others.values()] };
}
