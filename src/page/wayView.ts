import type { MirrorStatus, SourceStatus, VolumeStatus } from '../unit/watch/status.ts';
import { Badge } from './badge.ts';
import { beyondVerdict, type LinkBeyond } from './beyond.ts';
import { el, Keyed, type Part, setAttribute, setText, show } from './dom.ts';
import { firstVerdict, lagWords, mirrorVerdict, type Verdict } from './verdict.ts';
import { bytesWords, rateWords, shortName } from './words.ts';

interface NodeValue {
  kind: string;
  title: string;
  /** In full, where the title is short for it. */
  whole?: string;
  verdict: Verdict;
  figures?: string;
}

/** One station of the way. */
class StationView {
  readonly root: HTMLElement;
  readonly #kind = el('span', { class: 'kind' });
  readonly #title = el('b');
  readonly #badge = new Badge();
  readonly #figures = el('div', { class: 'muted' });
  readonly #why = el('div', { class: 'why' });
  readonly #mend = el('div', { class: 'mend' });

  constructor() {
    this.root = el(
      'div',
      { class: 'node' },
      this.#kind,
      this.#title,
      this.#badge.root,
      this.#figures,
      this.#why,
      this.#mend,
    );
  }

  update({ kind, title, whole, verdict, figures = '' }: NodeValue): void {
    setAttribute(this.root, 'data-tone', verdict.tone);
    setAttribute(this.root, 'title', whole);
    setText(this.#kind, kind);
    setText(this.#title, title);
    this.#badge.update(verdict);
    setText(this.#figures, figures);
    setText(this.#why, verdict.why ?? '');
    setText(this.#mend, verdict.mend ?? '');
  }
}

/** What leads from one station to the next; the word is what carries it. */
function wire(word: string, kind = 'wire'): { root: HTMLElement; word: HTMLElement } {
  const words = el('span', {}, word);
  return {
    root: el('span', { class: kind }, words, el('i', { 'aria-hidden': 'true' })),
    word: words,
  };
}

interface ArmValue {
  mirror: MirrorStatus;
  /** Bytes a second that it is given; undefined before the second look. */
  rate: number | undefined;
}

/** A mirror at a far unit, and what is beyond it. */
class ThereView implements Part<LinkBeyond> {
  readonly root: HTMLElement;
  readonly #node = new StationView();
  readonly #list = el('ul', { class: 'there' });
  readonly #further = new Keyed<LinkBeyond>(this.#list, () => new ThereView());

  constructor() {
    this.root = el('li', {}, this.#node.root, this.#list);
  }

  update(mirror: LinkBeyond): void {
    const { to, state, behindBytes, peer, beyond = [] } = mirror;
    this.#node.update({
      kind: to.startsWith('journey:') ? 'far unit beyond' : kindOf(to),
      title: peer || shortName(to),
      whole: to,
      verdict: beyondVerdict(mirror),
      figures: state === 'equal' ? '' : `${bytesWords(behindBytes)} behind`,
    });
    show(this.#list, beyond.length > 0);
    this.#further.update(beyond, ({ to: key }) => key);
  }
}

class ArmView implements Part<ArmValue> {
  readonly root: HTMLElement;
  readonly #wire: ReturnType<typeof wire>;
  readonly #node = new StationView();
  readonly #beyondWire = wire('passed on there', 'wire beyond');
  readonly #beyond = new StationView();
  readonly #list = el('ul', { class: 'there', 'aria-label': 'Mirrors there' });
  readonly #there = new Keyed<LinkBeyond>(this.#list, () => new ThereView());

  constructor() {
    this.#wire = wire('');
    this.root = el('li', {}, this.#wire.root, this.#node.root, this.#beyondWire.root, this.#beyond.root, this.#list);
  }

  update({ mirror, rate }: ArmValue): void {
    const { to, link, behindBytes, state } = mirror;
    const verdict = mirrorVerdict(mirror);
    const behind = state === 'equal' ? '' : `, ${bytesWords(behindBytes)} behind`;
    const figures = `recovery point ${lagWords(mirror)}${behind}`;
    setText(this.#wire.word, [link ? 'link' : '', rate === undefined ? '' : rateWords(rate)].filter(Boolean).join(' '));
    const kind = link ? 'far unit' : kindOf(to);
    this.#node.update({ kind, title: link?.peer || shortName(to), whole: to, verdict, figures });
    const there = link?.beyond ?? [];
    show(this.#beyondWire.root, link !== undefined);
    show(this.#beyond.root, link !== undefined);
    show(this.#list, there.length > 0);
    this.#there.update(there, ({ to: key }) => key);
    if (link === undefined) return;
    const on = link.connected;
    const waiting = `${bytesWords(link.waitingBytes)} not durable there yet`;
    this.#beyond.update({
      // A far unit of an older version does not tell of its mirrors: its own page does.
      kind: there.length > 0 ? 'volume there' : 'volume there and beyond',
      title: to.slice(to.lastIndexOf('/') + 1),
      whole: to,
      verdict: on ? { tone: 'ok', word: 'connected' } : { tone: 'warn', word: 'not connected' },
      figures: link.roundTripMs === undefined ? waiting : `${waiting}, round trip ${link.roundTripMs.toFixed(1)} ms`,
    });
  }
}

/** A volume's way from its hosts to its mirrors and beyond. */
export class WayView {
  readonly root: HTMLElement;
  readonly #begin = new StationView();
  readonly #wire = wire('');
  readonly #first = new StationView();
  readonly #arms: Keyed<ArmValue>;
  readonly #last = new Map<string, { bytes: number; at: number; rate: number | undefined }>();
  readonly #fan = el('ul', { class: 'fan', 'aria-label': 'Mirrors' });
  readonly #none = el('p', { class: 'muted' }, 'Nothing is passed on from here.');

  constructor() {
    this.#arms = new Keyed(this.#fan, () => new ArmView());
    const stage = (...parts: HTMLElement[]): HTMLElement => el('li', {}, ...parts);
    this.root = el(
      'ol',
      { class: 'way', 'aria-label': 'The way of a write' },
      stage(this.#begin.root),
      stage(this.#wire.root, this.#first.root),
      stage(el('span', { class: 'wire', 'aria-hidden': 'true' }, el('i')), this.#fan, this.#none),
    );
  }

  update(volume: VolumeStatus, source: SourceStatus, at: number): void {
    const { received, mirrors } = volume;
    if (received) this.#received(volume);
    else this.#ofBus(volume, source);
    const beyond = received ? mirrors.slice(1) : mirrors;
    show(this.#fan, beyond.length > 0);
    show(this.#none, beyond.length === 0);
    this.#arms.update(
      beyond.map((mirror) => ({ mirror, rate: this.#rateOf(mirror, at) })),
      ({ mirror }) => `${mirror.to}${mirror.link ? ' link' : ''}`,
    );
  }

  #ofBus({ first, lu, openWrites }: VolumeStatus, source: SourceStatus): void {
    const writes = openWrites === 0 ? 'no write under way' : `${openWrites} under way`;
    this.#begin.update({ kind: 'hosts', title: 'Hosts', verdict: { tone: 'none', word: writes } });
    setText(this.#wire.word, source.kind === 'tee' ? 'through this unit (tee)' : `seen by this unit (${source.kind})`);
    const title = first.url === '' ? lu : shortName(first.url);
    this.#first.update({ kind: 'first volume', title, whole: first.url || lu, verdict: firstVerdict(first) });
  }

  #received({ received, mirrors }: VolumeStatus): void {
    const { sender = null, consistent = true } = received ?? {};
    this.#begin.update({
      kind: 'sending unit',
      title: sender?.peer ?? 'nobody',
      verdict: sender ? { tone: 'ok', word: 'connected' } : { tone: 'warn', word: 'not connected' },
      figures: sender ? `from ${sender.remote}, ${bytesWords(sender.waitingBytes)} waiting` : '',
    });
    setText(this.#wire.word, 'link');
    const [own] = mirrors;
    this.#first.update({
      kind: 'mirror at this unit',
      title: own ? shortName(own.to) : '',
      ...(own ? { whole: own.to } : {}),
      verdict: own ? mirrorVerdict(own) : { tone: 'none', word: '' },
      figures: consistent ? 'its newest moment is consistent' : 'its newest moment is not consistent',
    });
  }

  #rateOf({ to, writtenBytes }: MirrorStatus, at: number): number | undefined {
    const last = this.#last.get(to);
    const elapsed = last ? (at - last.at) / 1000 : 0;
    const rate = last && elapsed > 0 ? Math.max(0, writtenBytes - last.bytes) / elapsed : last?.rate;
    this.#last.set(to, { bytes: writtenBytes, at, rate });
    return rate;
  }
}

function kindOf(to: string): string {
  if (to.startsWith('iscsi:')) return 'mirror, iSCSI';
  return to.startsWith('journey:') ? 'far unit' : 'mirror, file';
}
