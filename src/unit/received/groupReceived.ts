import { openImageFolder } from '../../../hw/imageFolder.ts';
import { Group, type GroupMember } from '../../queue/group.ts';
import { type MomentWords, momentWords, targetOf } from '../watch/momentWords.ts';
import type { HistoryReport, ReceivedVolume, RewindOrder } from './receivedVolume.ts';

/** How often the last good moment of a group is looked for. */
const KEEP_NS = 1e9;

/** What `tapmirror history --group --json` prints: sequences are numbers of the shared order. Keys are only ever added. */
export interface GroupReport extends HistoryReport {
  group: string;
  volumes: string[];
  /** Why the volumes have no moment in common. */
  why?: string;
}

/** A moment of a group that was written: an image for each volume. */
export interface GroupRewindReport extends MomentWords {
  group: string;
  /** The folder. */
  out: string;
  /** `sequence` is that of the volume's own history. */
  volumes: { volume: string; out: string; bytes: number; sequence: number }[];
}

/** Volumes that come over links and share one order and one moment (requirement C5). */
export class ReceivedGroup {
  readonly name: string;
  readonly #volumes: readonly ReceivedVolume[];
  #keptAt = Number.NEGATIVE_INFINITY;

  /** Each of them keeps its past. */
  constructor(name: string, volumes: readonly ReceivedVolume[]) {
    this.name = name;
    this.#volumes = volumes;
  }

  /** Time has passed (`now` in ns): the last good moment stays, however far behind one of the volumes is. */
  tick(now: number): void {
    if (now - this.#keptAt < KEEP_NS) return;
    this.#keptAt = now;
    const last = this.#group().lastConsistent();
    this.#volumes.forEach(({ history }, i) => {
      history.keep(last?.sequences[i]);
    });
  }

  report(): GroupReport {
    const { oldest, newest, bookmarks, spans, why } = this.#group().moments();
    const reports = this.#volumes.map((volume) => volume.report());
    const none = { at: null, sequence: 0, consistent: false };
    return {
      group: this.name,
      volume: this.name,
      volumes: this.#volumes.map(({ name }) => name),
      windowMs: Math.min(...reports.map(({ windowMs }) => windowMs)),
      bytes: reports.reduce((sum, { bytes }) => sum + bytes, 0),
      entries: reports.reduce((sum, { entries }) => sum + entries, 0),
      oldest: oldest ? momentWords(oldest) : none,
      newest: newest ? momentWords(newest) : none,
      bookmarks: bookmarks.map((one) => ({ name: one.name, ...momentWords(one) })),
      spans: spans.map(({ from, to, consistent }) => ({ from: momentWords(from), to: momentWords(to), consistent })),
      ...(why === undefined ? {} : { why }),
    };
  }

  /** Writes a moment into a new folder: an image of each volume, all of the same moment. Mirroring goes on meanwhile. */
  async rewind({ to, out, force, progress, signal }: RewindOrder): Promise<GroupRewindReport> {
    const group = this.#group();
    const { mark, sequence, time } = to;
    // What is nothing but a name may be one that some volumes have.
    const named = mark !== undefined && sequence === undefined && time === undefined;
    const target = named ? { mark } : targetOf(to, { bookmarks: group.moments().bookmarks });
    const moment = group.find(target, force);
    // Held from here on, as all have to be there until the last one is written.
    const views = this.#volumes.map(({ history }, i) => history.view(moment.sequences[i], { force: true }));
    try {
      const folder = await openImageFolder(out);
      try {
        const total = views.reduce((sum, { bytes }) => sum + bytes, 0);
        let before = 0;
        for (const [i, { name, history }] of this.#volumes.entries()) {
          const told = (done: number): void => progress(before + done, total);
          const options = { force: true, progress: told, signal };
          await history.writeImage(moment.sequences[i], folder.file(imageName(name)), options);
          before += views[i].bytes;
        }
        await folder.done();
      } finally {
        await folder.drop();
      }
    } finally {
      for (const view of views) view.close();
    }
    const volumes = this.#volumes.map(({ name }, i) => {
      const { bytes, sequence } = views[i];
      return { volume: name, out: `${out}/${imageName(name)}`, bytes, sequence };
    });
    return { group: this.name, out, ...momentWords(moment), volumes };
  }

  #group(): Group {
    return new Group(this.#volumes.map(({ name, history }): GroupMember => ({ name, timeline: history.timeline })));
  }
}

function imageName(volume: string): string {
  return `${volume}.img`;
}
