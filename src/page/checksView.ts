import type { CheckedReadsStatus } from '../unit/compare/checkedReads.ts';
import type { MirrorStatus, VolumeStatus } from '../unit/watch/status.ts';
import { Badge } from './badge.ts';
import { el, Keyed, type Part, setText, show } from './dom.ts';
import type { Verdict } from './verdict.ts';
import { bytesWords, countWords, shortName, timeWords } from './words.ts';

interface Check {
  key: string;
  title: string;
  verdict: Verdict;
  words: string;
}

/** What comparing the first volume with its mirrors has found: what hosts read (checked reads), and `verify`. */
export class ChecksView {
  readonly root: HTMLElement;
  readonly #rows: Keyed<Check>;

  constructor() {
    const list = el('ul', { class: 'checks' });
    this.#rows = new Keyed(list, () => new Row());
    this.root = el('div', {}, el('h3', {}, 'Comparisons'), list);
    show(this.root, false);
  }

  update({ checkedReads, mirrors }: VolumeStatus, nowMs: number): void {
    const checks = [
      ...(checkedReads ? [readsCheck(checkedReads)] : []),
      ...mirrors.flatMap((one) => lastCheck(one, nowMs)),
    ];
    show(this.root, checks.length > 0);
    this.#rows.update(checks, ({ key }) => key);
  }
}

/** What differed stays told until the unit begins anew: that it once did is worth knowing when it does no more. */
export function readsCheck({ blocks, differences, unconfirmed, skipped }: CheckedReadsStatus): Check {
  const whole = `${countWords(blocks)} blocks that hosts read were compared`;
  const doubtful =
    unconfirmed > 0 ? `; ${countWords(unconfirmed)} did not fit at first, and no difference was found` : '';
  const left = skipped > 0 ? `; ${countWords(skipped)} reads were too many to be looked at` : '';
  const verdict: Verdict =
    differences === 0
      ? { tone: 'ok', word: 'no differences' }
      : { tone: 'bad', word: `${countWords(differences)} blocks differed` };
  const mend = differences === 0 ? '' : '; see the events, and `tapmirror verify`';
  return {
    key: 'reads',
    title: 'Reads of hosts',
    verdict,
    words: `${whole} since the unit began${doubtful}${left}${mend}`,
  };
}

function lastCheck({ to, verified }: MirrorStatus, nowMs: number): Check[] {
  if (verified === undefined) return [];
  const { at, comparedBytes, differingBytes, uncomparedBytes } = verified;
  const verdict: Verdict =
    differingBytes > 0
      ? { tone: 'bad', word: `${bytesWords(differingBytes)} differed` }
      : uncomparedBytes > 0
        ? { tone: 'info', word: 'no differences found' }
        : { tone: 'ok', word: 'no differences' };
  const left = uncomparedBytes > 0 ? `; ${bytesWords(uncomparedBytes)} were never at rest` : '';
  const words = `verify at ${timeWords(Date.parse(at), nowMs)} compared ${bytesWords(comparedBytes)}${left}`;
  return [{ key: `verify ${to}`, title: shortName(to), verdict, words }];
}

class Row implements Part<Check> {
  readonly root: HTMLElement;
  readonly #title = el('b');
  readonly #badge = new Badge();
  readonly #words = el('span', { class: 'muted' });

  constructor() {
    this.root = el('li', {}, this.#title, this.#badge.root, this.#words);
  }

  update({ title, verdict, words }: Check): void {
    setText(this.#title, title);
    this.#badge.update(verdict);
    setText(this.#words, words);
  }
}
