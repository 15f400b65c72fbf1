import type { FirstStatus, MirrorStatus, SourceStatus, UnitStatus, VolumeStatus } from '../unit/watch/status.ts';
import { troubledBeyond } from './beyond.ts';
import { bytesWords, many, secondsWords } from './words.ts';

/** How a thing stands, from nothing to do to something to do at once. */
export type Tone = 'none' | 'ok' | 'info' | 'work' | 'warn' | 'bad';

export interface Verdict {
  tone: Tone;
  /** The status' own word, with what belongs to it. */
  word: string;
  /** The words of the fault, and what mends it. */
  why?: string;
  mend?: string;
}

const ORDER: readonly Tone[] = ['none', 'ok', 'info', 'work', 'warn', 'bad'];
/** Tones of what somebody should look at. */
export const TROUBLED: ReadonlySet<Tone> = new Set<Tone>(['warn', 'bad']);

export function worst(tones: readonly Tone[]): Tone {
  return tones.reduce((most, one) => (ORDER.indexOf(one) > ORDER.indexOf(most) ? one : most), 'none');
}

/** How a mirror stands: the state as the status has it, and never without a word. */
export function mirrorVerdict({ state, progress, error, link }: MirrorStatus): Verdict {
  const why = { ...(error && { why: error.message }), ...(error?.mend && { mend: error.mend }) };
  const share = progress && progress.total > 0 ? ` ${Math.floor((100 * progress.done) / progress.total)} %` : '';
  switch (state) {
    case 'broken':
      return { tone: 'bad', word: state, ...why };
    case 'paused':
      return { tone: 'warn', word: state, ...why };
    case 'copying':
    case 'repairing':
      return { tone: 'work', word: `${state}${share}`, ...why };
    default:
      if (error) return { tone: 'warn', word: state, ...why };
      if (link?.connected === false)
        return { tone: 'warn', word: `${state}, not connected`, why: link.lastFault ?? '' };
      if (link?.paused !== undefined) return { tone: 'warn', word: `${state}, held back`, why: link.paused };
      return beyondTrouble(state, link) ?? { tone: state === 'equal' ? 'ok' : 'info', word: state };
  }
}

/** What is wrong beyond a far unit is wrong with the way to it. */
function beyondTrouble(state: string, link: MirrorStatus['link']): Verdict | undefined {
  const { count, why } = troubledBeyond(link?.beyond);
  if (count === 0) return undefined;
  return { tone: 'warn', word: `${state}, ${count} beyond it ${count === 1 ? 'needs' : 'need'} attention`, why };
}

export function firstVerdict({ state, error }: FirstStatus): Verdict {
  if (state === 'none') return { tone: 'none', word: 'not read by this unit' };
  if (state === 'up') return { tone: 'ok', word: 'up' };
  return { tone: 'bad', word: 'down', ...(error && { why: error.message }), ...(error?.mend && { mend: error.mend }) };
}

/** The state of a whole volume in one sentence. */
export function volumeVerdict(volume: VolumeStatus): Verdict {
  const first = firstVerdict(volume.first);
  const mirrors = volume.mirrors.map(mirrorVerdict);
  const tone = worst([first.tone, ...mirrors.map((one) => one.tone)]);
  if (first.tone === 'bad') return { ...first, tone, word: 'first volume down' };
  const sender = volume.received && volume.received.sender === null;
  if (sender && !TROUBLED.has(tone)) return { tone: 'warn', word: 'no sender is connected' };
  if (volume.mirrors.length === 0) return { tone: 'none', word: 'no mirrors' };
  const all = new Map<string, number>();
  for (const { word } of mirrors) all.set(word, (all.get(word) ?? 0) + 1);
  if (all.size === 1) {
    const [word] = all.keys();
    const whole = mirrors.find((one) => one.why !== undefined) ?? {};
    return { ...whole, tone, word: volume.mirrors.length === 1 ? word : `all ${volume.mirrors.length} ${word}` };
  }
  const { why, mend } = mirrors.find((one) => one.tone === tone) ?? {};
  return {
    tone,
    word: [...all].map(([word, count]) => `${count} ${word}`).join(', '),
    ...(why && { why }),
    ...(mend && { mend }),
  };
}

/** The unit's first line. */
export function unitVerdict({ volumes, buffer, source, serve }: UnitStatus): Verdict {
  const mirrors = volumes.flatMap((one) => one.mirrors.map(mirrorVerdict));
  const troubled = volumes.map(volumeVerdict).filter(({ tone }) => TROUBLED.has(tone)).length;
  const served = serve ? [`${many(serve.luns.length, 'logical unit')} served`] : [];
  const mirrored = volumes.length > 0 || !serve ? [many(volumes.length, 'volume'), many(mirrors.length, 'mirror')] : [];
  const all = [...mirrored, ...served].join(', ');
  if (troubled > 0) {
    const tone = worst(volumes.map((one) => volumeVerdict(one).tone));
    return {
      tone,
      word: `${troubled} of ${many(volumes.length, 'volume')} ${troubled === 1 ? 'needs' : 'need'} attention`,
    };
  }
  const { error } = source.error ? source : buffer;
  if (error) return { tone: 'warn', word: `${all}: ${error.message}`, ...(error.mend && { mend: error.mend }) };
  const [absent] = serve?.absent ?? [];
  if (absent) return { tone: 'warn', word: `${all}: ${absent.target}/${absent.lun} is not served: ${absent.why}` };
  if (mirrors.length === 0) return { tone: 'ok', word: all };
  const equal = mirrors.filter(({ tone }) => tone === 'ok').length;
  if (equal === mirrors.length) return { tone: 'ok', word: `${all}: all equal` };
  const tone = worst(mirrors.map((one) => one.tone));
  return { tone, word: `${all}: ${equal} equal, ${mirrors.length - equal} on the way` };
}

/** How old the oldest change is that a mirror may lack, or how much it lacks where no age is known. */
export function lagWords({ lag, behindBytes }: MirrorStatus): string {
  if (lag !== undefined) return secondsWords(lag.seconds);
  return behindBytes === 0 ? '0 s' : `${bytesWords(behindBytes)} behind`;
}

/** What is counted by parts, as lost frames by who lost them, is shown together. */
function countOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.values(value).reduce((sum: number, one: unknown) => sum + (typeof one === 'number' ? one : 0), 0);
}

const COUNTERS: Readonly<Record<string, string>> = {
  frames: 'frames',
  drops: 'lost frames',
  holes: 'holes',
  holeBytes: 'bytes not seen',
  iscsiStreams: 'iSCSI connections',
  connections: 'connections',
  accepted: 'accepted',
};

/** What the attachment has counted, by words; counters that have no word here stay in the metrics. */
export function sourceCounters(source: SourceStatus): [word: string, value: number][] {
  return Object.entries(COUNTERS).flatMap(([key, word]) => {
    const value = countOf(source[key]);
    return typeof value === 'number' ? [[word, value] as [string, number]] : [];
  });
}
