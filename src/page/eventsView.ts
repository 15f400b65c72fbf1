import type { UnitEvent } from '../unit/watch/events.ts';
import { Badge } from './badge.ts';
import { byId, el, Keyed, type Part, setText, show } from './dom.ts';
import type { Tone } from './verdict.ts';
import { timeWords } from './words.ts';

const TONES: Readonly<Record<UnitEvent['level'], Tone>> = { error: 'bad', warn: 'warn', info: 'info' };

/** What happened, newest first. */
export class EventsView {
  readonly #rows = new Keyed<UnitEvent & { key: string; nowMs: number }>(byId('event-list'), () => new Row());

  update(events: readonly UnitEvent[], nowMs: number): void {
    const seen = new Map<string, number>();
    const keyed = events.map((event) => {
      const base = `${event.at} ${event.message} ${JSON.stringify(event.fields)}`;
      const times = (seen.get(base) ?? 0) + 1;
      seen.set(base, times);
      return { ...event, key: `${base} ${times}`, nowMs };
    });
    show(byId('no-events'), events.length === 0);
    this.#rows.update(keyed.reverse(), ({ key }) => key);
  }
}

class Row implements Part<UnitEvent & { nowMs: number }> {
  readonly root: HTMLElement;
  readonly #time = el('time', { class: 'muted' });
  readonly #badge = new Badge();
  readonly #words = el('span');

  constructor() {
    this.root = el('li', {}, this.#time, this.#badge.root, this.#words);
  }

  update({ at, level, message, fields, nowMs }: UnitEvent & { nowMs: number }): void {
    setText(this.#time, timeWords(Date.parse(at), nowMs));
    this.#badge.update({ tone: TONES[level], word: level });
    setText(this.#words, wordsOf(message, fields));
  }
}

function wordsOf(message: string, fields: UnitEvent['fields']): string {
  const { lu, mirror, from, to, why, text, name } = fields as Record<string, unknown>;
  if (message === 'state') return `${mirror} of ${lu}: ${from} → ${to}: ${why}`;
  if (message === 'notice') return String(text);
  if (message === 'mark') return `bookmark ${name}`;
  const rest = Object.entries(fields).map(([key, value]) => `${key} ${String(value)}`);
  return [message, ...rest].join(', ');
}
