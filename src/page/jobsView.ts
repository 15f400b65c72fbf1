import type { JobStatus } from '../unit/steer/jobs.ts';
import { Badge } from './badge.ts';
import { byId, el, Keyed, type Part, setAttribute, setText, show } from './dom.ts';
import type { Tone } from './verdict.ts';
import { hashOf } from './volumesView.ts';
import { progressWords, shortName, timeWords } from './words.ts';

const TONES: Readonly<Record<JobStatus['state'], Tone>> = {
  running: 'work',
  done: 'ok',
  failed: 'bad',
  cancelled: 'none',
};

interface JobValue {
  job: JobStatus;
  /** The volume by its LU, where this unit has it. */
  lu: string | undefined;
  nowMs: number;
}

/** The unit's long jobs: those that run, and the last ones that ended. */
export class JobsView {
  readonly #rows = new Keyed<JobValue>(byId('job-list'), () => new Row());

  /** `luOf`: the LU of a volume that a job names. */
  update(jobs: readonly JobStatus[], luOf: (volume: string) => string | undefined, nowMs: number): void {
    show(byId('jobs'), jobs.length > 0);
    // Those that run first, then the newest of those that have ended.
    const running = jobs.filter(({ state }) => state === 'running');
    const ended = jobs.filter(({ state }) => state !== 'running').reverse();
    const values = [...running, ...ended].map((job) => ({ job, lu: luOf(job.volume), nowMs }));
    this.#rows.update(values, ({ job }) => job.id);
  }
}

class Row implements Part<JobValue> {
  readonly root: HTMLElement;
  readonly #badge = new Badge();
  readonly #kind = el('b');
  readonly #volume = el('a');
  readonly #mirror = el('span', { class: 'muted' });
  readonly #bar = el('progress');
  readonly #figures = el('span', { class: 'muted' });
  readonly #why = el('div', { class: 'why' });

  constructor() {
    const words = el('span', { class: 'job' }, this.#kind, ' ', this.#volume, ' ', this.#mirror);
    this.root = el('li', {}, this.#badge.root, words, this.#bar, this.#figures, this.#why);
  }

  update({ job, lu, nowMs }: JobValue): void {
    const { id, kind, volume, mirror, state, done, total, ended, why } = job;
    this.#badge.update({ tone: TONES[state], word: state });
    setText(this.#kind, `${id} ${kind}`);
    setText(this.#volume, volume);
    setAttribute(this.#volume, 'href', lu === undefined ? undefined : hashOf(lu));
    setText(this.#mirror, mirror === undefined ? '' : shortName(mirror));
    setAttribute(this.#mirror, 'title', mirror);
    const running = state === 'running';
    show(this.#bar, running);
    setAttribute(this.#figures, 'class', running ? 'muted' : 'muted wide');
    if (running) {
      setAttribute(this.#bar, 'aria-label', `${kind} of ${volume}`);
      setAttribute(this.#bar, 'max', String(Math.max(1, total)));
      // Without a value it is shown as one of which nobody knows how far it is.
      setAttribute(this.#bar, 'value', total > 0 ? String(done) : undefined);
    }
    setText(
      this.#figures,
      running ? progressWords(job) : ended === undefined ? '' : timeWords(Date.parse(ended), nowMs),
    );
    setText(this.#why, why ?? '');
  }
}
