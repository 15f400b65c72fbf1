import { el, setAttribute, setText } from './dom.ts';
import type { Tone, Verdict } from './verdict.ts';

/** Shapes, for those who do not tell the colours apart. */
const SHAPES: Readonly<Record<Tone, string>> = { none: '○', ok: '●', info: '◐', work: '↻', warn: '▲', bad: '■' };

/** A state: a shape, a colour and its word. */
export class Badge {
  readonly root: HTMLElement;
  readonly #shape = el('span', { 'aria-hidden': 'true', class: 'shape' });
  readonly #word = el('span');

  constructor() {
    this.root = el('span', { class: 'badge' }, this.#shape, this.#word);
  }

  update({ tone, word }: Verdict): void {
    setAttribute(this.root, 'data-tone', tone);
    setText(this.#shape, SHAPES[tone]);
    setText(this.#word, word);
  }
}
