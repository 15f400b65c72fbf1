import { Fault } from '../../base/fault.ts';
import { SERVE_DEFAULTS } from '../config/configServe.ts';
import type { ReceivedVolume } from '../received/receivedVolume.ts';
import { isoTime, type MomentWord, type MomentWords } from '../watch/momentWords.ts';
import { Serve } from './serve.ts';
import type { ServeAuth } from './serveTypes.ts';
import { ServeVolume } from './serveVolume.ts';

/** A moment of the past to be served for a while. */
export interface OpenOrder {
  at: MomentWord;
  /** `IP:PORT`, at least one. */
  listen: string[];
  /** The target's name. */
  name: string;
  lun: number;
  /** Absolute path of a file for what hosts write; it is gone with the moment. Absent: they cannot. */
  scratch?: string;
  auth?: ServeAuth;
  /** A moment that is not consistent is as good as another. */
  force: boolean;
  /** It is served: where, and which moment that is. */
  ready: (report: OpenReport) => void;
  /** Ends it. */
  signal: AbortSignal;
}

export interface OpenReport extends MomentWords {
  volume: string;
  /** `iscsi://IP:PORT/NAME/LUN`. */
  urls: string[];
  writable: boolean;
}

/** How long hosts may take to log out. */
const CLOSE_MS = 5000;

/**
 * Serves a moment as a logical unit until `signal` ends that; nothing of what is kept is changed, and the moment is kept as
 * long. Rejects with a `Fault` where it cannot be had.
 */
export async function openMoment(
  volume: ReceivedVolume,
  order: OpenOrder,
  notice: (text: string) => void,
): Promise<void> {
  const { at, listen, name, lun, scratch, auth, force, ready, signal } = order;
  if (signal.aborted) throw new Fault('local', 'stopped before it was open');
  const view = await volume.view(at, { force, ...(scratch === undefined ? {} : { scratch }) });
  const identity = { product: 'Moment' };
  const flags = { thin: false, cache: true, readOnly: !view.writable, removable: false };
  const medium = new ServeVolume(view, { ours: true, thin: false });
  const serve = await Serve.open<undefined>({
    options: {
      listen,
      targets: [
        {
          name,
          portals: [],
          allow: { initiators: [], networks: [] },
          luns: [{ lun, from: undefined, ...flags, identity }],
          ...(auth === undefined ? {} : { auth }),
        },
      ],
      ...(auth === undefined ? {} : { discovery: auth }),
      limits: {},
      ...SERVE_DEFAULTS,
    },
    open: async () => ({ medium, blockSize: view.blockSize, writable: view.writable }),
    statePath: () => undefined,
    nameless: () => `${volume.name} at ${view.sequence} as ${name}`,
    notice,
  }).catch(async (error: unknown) => {
    await view.close();
    throw error;
  });
  const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  ready({
    volume: volume.name,
    urls: serve.portals.map((portal) => `iscsi://${portal}/${name}/${lun}`),
    writable: view.writable,
    at: view.at === 0n ? null : isoTime(view.at),
    sequence: view.sequence,
    consistent: view.consistent,
  });
  if (!signal.aborted) await ended;
  await serve.close(CLOSE_MS);
}
