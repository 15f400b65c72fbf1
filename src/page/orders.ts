import { el, setText, show } from './dom.ts';

/** What is sent: the words of the control socket. */
export type Order = { do: string } & Record<string, unknown>;

interface Answer {
  ok: boolean;
  error?: { message: string; mend?: string };
}

/** Gives orders to the unit. The token is asked for once and kept by this object alone: a page that is loaded again asks again. */
export class Orders {
  readonly root: HTMLElement;
  readonly #said = el('p', { role: 'status' });
  readonly #field = el('input', { type: 'password', autocomplete: 'off', spellcheck: 'false' });
  readonly #form: HTMLFormElement;
  #token = '';
  #waiting: Order | undefined;

  constructor() {
    const give = el('button', { type: 'submit' }, 'Give the order');
    const label = el('label', {}, 'Token (web.tokenFile; kept in this page only) ', this.#field);
    this.#form = el('form', { class: 'orders' }, label, give);
    this.#form.hidden = true;
    this.root = el('div', {}, this.#form, this.#said);
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#token = this.#field.value.trim();
      this.#field.value = '';
      const order = this.#waiting;
      if (order !== undefined && this.#token !== '') void this.give(order);
    });
  }

  async give(order: Order): Promise<boolean> {
    if (this.#token === '') {
      this.#ask(order, `A token is needed to ${order.do}.`);
      return false;
    }
    show(this.#form, false);
    setText(this.#said, `${order.do} …`);
    try {
      const response = await fetch('/order', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${this.#token}` },
        body: JSON.stringify(order),
      });
      if (response.status === 401) {
        this.#token = '';
        this.#ask(order, 'The token is wrong.');
        return false;
      }
      const { ok, error }: Answer = (response.headers.get('content-type') ?? '').startsWith('application/json')
        ? await response.json()
        : { ok: false, error: { message: (await response.text()).trim() } };
      setText(
        this.#said,
        ok ? `${order.do}: done` : `${order.do}: ${[error?.message, error?.mend].filter(Boolean).join('; ')}`,
      );
      return ok;
    } catch {
      setText(this.#said, `${order.do}: the unit did not answer`);
      return false;
    }
  }

  #ask(order: Order, why: string): void {
    this.#waiting = order;
    setText(this.#said, why);
    show(this.#form, true);
    this.#field.focus();
  }
}
