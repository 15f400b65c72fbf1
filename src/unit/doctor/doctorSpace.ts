import { join } from 'node:path';
import { folderBytes, lockHolder, viewFolder } from '../../../hw/hostFacts.ts';
import type { LiveConfig } from '../config/configTypes.ts';
import { fileName } from '../received/receive.ts';
import { about, type Finding } from './doctorTypes.ts';

/** The state folder, and room for what is kept on disk against the bounds that the configuration gives it. */
export async function lookAtSpace(config: LiveConfig): Promise<Finding[]> {
  return [...(await stateFolder(config)), ...(await bounds(config))];
}

async function stateFolder({ state }: LiveConfig): Promise<Finding[]> {
  const one = about('permissions', state);
  const { exists, nearest, isFolder, writable } = await viewFolder(state);
  if (!isFolder) return [one.fail(`${nearest} is no folder`, 'name another `state`, or move what is there')];
  if (!writable) {
    const mend = `give the unit's user the right to write to ${nearest}; run the doctor as that user`;
    return [one.fail(`this user may not write to ${nearest}`, mend)];
  }
  const holder = await lockHolder(state);
  const words = exists ? 'the state folder is there' : 'the state folder will be made';
  return [one.ok(holder === undefined ? words : `${words}; process ${holder} runs with it`)];
}

/** What may still grow, and where. */
interface Growth {
  what: string;
  folder: string;
  bytes: number;
}

async function bounds(config: LiveConfig): Promise<Finding[]> {
  const growths = await Promise.all([...histories(config), ...spills(config)]);
  // What lies on one file system shares its room.
  const byRoom = new Map<string, { folder: string; freeBytes: number; growths: Growth[] }>();
  for (const growth of growths) {
    const { nearest, device, freeBytes } = await viewFolder(growth.folder);
    const room = byRoom.get(device) ?? { folder: nearest, freeBytes, growths: [] };
    room.growths.push(growth);
    byRoom.set(device, room);
  }
  return [...byRoom.values()].map(({ folder, freeBytes, growths: all }) => {
    const one = about('space', folder);
    const bytes = all.reduce((sum, growth) => sum + growth.bytes, 0);
    const words = `${all.map(({ what }) => what).join(', ')} may grow by ${bytes} bytes, ${freeBytes} are free`;
    if (bytes <= freeBytes) return one.ok(words);
    return one.warn(words, 'free some space there, or give them smaller bounds (history.bytes, spill.bytes)');
  });
}

function histories({ received, state }: LiveConfig): Promise<Growth>[] {
  return received.flatMap(({ name, history }) => {
    if (history === undefined) return [];
    const folder = history.folder ?? join(state, `${fileName(name)}.queue`);
    return [grown(`the history of ${name}`, folder, history.bytes)];
  });
}

/** Each link beside a local mirror has temporary storage. */
function spills({ volumes, spill, state }: LiveConfig): Promise<Growth>[] {
  const links = volumes.flatMap(({ mirrors }) => {
    const journeys = mirrors.filter(({ kind }) => kind === 'journey');
    return journeys.length < mirrors.length ? journeys : [];
  });
  return links.map(({ to }) =>
    Promise.resolve({ what: `temporary storage for ${to}`, folder: state, bytes: spill.bytes }),
  );
}

async function grown(what: string, folder: string, bound: number): Promise<Growth> {
  return { what, folder, bytes: Math.max(0, bound - (await folderBytes(folder))) };
}
