import type { ServedLunStatus, ServeStatus } from '../unit/serve/serve.ts';
import { Badge } from './badge.ts';
import { byId, el, Keyed, type Part, setText, show } from './dom.ts';
import { stackCell, stackName, stackRow, stackTable } from './stack.ts';
import type { Verdict } from './verdict.ts';
import { bytesWords, countWords, many } from './words.ts';

type SessionStatus = ServeStatus['sessions'][number];
type Absent = ServeStatus['absent'][number];

/** Sessions that are listed; the others are told as a number. */
const SESSIONS_MAX = 50;
const LUN_COLUMNS = ['Size', 'Not durable yet', 'Under way', 'Read', 'Written', 'Sessions'];
const SESSION_COLUMNS = ['Target', 'From', 'User', 'Commands', 'Data'];

interface LunValue {
  target: string;
  lun: number;
  served?: ServedLunStatus;
  why?: string;
  /** Sessions of hosts at its target. */
  hosts: number;
}

/** What the unit serves to hosts as an iSCSI target, and who they are. */
export class ServedView {
  readonly #said = byId('served-said');
  readonly #luns: Keyed<LunValue>;
  readonly #sessions: Keyed<SessionStatus>;
  readonly #sessionBox: HTMLElement;

  constructor() {
    const luns = stackTable(['Logical unit', 'State', ...LUN_COLUMNS], 'Logical units');
    const sessions = stackTable(['Host', ...SESSION_COLUMNS], 'Sessions');
    this.#luns = new Keyed(luns.body, () => new LunRow());
    this.#sessions = new Keyed(sessions.body, () => new SessionRow());
    this.#sessionBox = el('div', {}, el('h3', {}, 'Sessions'), sessions.root);
    byId('served').append(luns.root, this.#sessionBox);
  }

  update(serve: ServeStatus | null | undefined): void {
    show(byId('served'), serve !== undefined && serve !== null);
    if (!serve) return;
    const { portals, connections, sessions, luns, absent } = serve;
    const hosts = sessions.filter(({ discovery }) => !discovery);
    const at = (target: string): number => hosts.filter((one) => one.target === target).length;
    const values = [
      ...absent.map(({ target, lun, why }: Absent) => ({ target, lun, why, hosts: at(target) })),
      ...luns.map((served) => ({ target: served.target, lun: served.lun, served, hosts: at(served.target) })),
    ].sort((a, b) => (a.target === b.target ? a.lun - b.lun : a.target < b.target ? -1 : 1));
    this.#luns.update(values, ({ target, lun }) => `${target} ${lun}`);
    this.#sessions.update(hosts.slice(0, SESSIONS_MAX), ({ target, isid, tsih }) => `${target} ${isid} ${tsih}`);
    const more = hosts.length > SESSIONS_MAX ? `; ${countWords(hosts.length - SESSIONS_MAX)} more sessions` : '';
    const who = `${many(hosts.length, 'session')} over ${many(connections, 'connection')}${more}`;
    setText(this.#said, `at ${portals.join(', ')}: ${who}`);
    show(this.#sessionBox, hosts.length > 0);
  }
}

export function lunVerdict(served: ServedLunStatus | undefined, why: string | undefined): Verdict {
  if (served === undefined) return { tone: 'warn', word: 'not served', ...(why === undefined ? {} : { why }) };
  const reserved = served.reserved ? ', reserved' : '';
  return { tone: 'ok', word: `${served.writable ? 'writable' : 'read only'}${reserved}` };
}

class LunRow implements Part<LunValue> {
  readonly root: HTMLElement;
  readonly #name = stackName();
  readonly #badge = new Badge();
  readonly #why = el('div', { class: 'why' });
  readonly #cells = LUN_COLUMNS.map((label) => stackCell(label));

  constructor() {
    this.root = stackRow(this.#name, stackCell('State', this.#badge.root, this.#why), ...this.#cells);
  }

  update({ target, lun, served, why, hosts }: LunValue): void {
    const verdict = lunVerdict(served, why);
    setText(this.#name, `${target}/${lun}`);
    this.#badge.update(verdict);
    setText(this.#why, verdict.why ?? '');
    const figures = served && [
      bytesWords(served.bytes),
      bytesWords(served.dirtyBytes),
      countWords(served.tasks ?? 0),
      bytesWords(served.readBytes),
      bytesWords(served.writtenBytes),
    ];
    [...(figures ?? ['', '', '', '', '']), countWords(hosts)].forEach((one, i) => {
      setText(this.#cells[i], one);
    });
  }
}

class SessionRow implements Part<SessionStatus> {
  readonly root: HTMLElement;
  readonly #host = stackName();
  readonly #cells = SESSION_COLUMNS.map((label) => stackCell(label));

  constructor() {
    this.root = stackRow(this.#host, ...this.#cells);
  }

  update({ initiator, alias, target, user, connections, commands, bytes }: SessionStatus): void {
    setText(this.#host, alias ? `${initiator} (${alias})` : initiator);
    const from = connections.map(({ peer }) => peer).join(', ');
    [target, from, user ?? 'nobody proved', countWords(commands), bytesWords(bytes)].forEach((one, i) => {
      setText(this.#cells[i], one);
    });
  }
}
