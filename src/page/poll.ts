/** How long an answer is waited for. */
const ANSWER_MS = 8000;

/** What a path holds, or undefined where there is nothing. Rejects where the unit does not answer. */
export async function get<T>(path: string): Promise<T | undefined> {
  const response = await fetch(path, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error((await response.text()).trim());
  return (await response.json()) as T;
}

/**
 * Does a thing again and again, `everyMs` after the last one ended, while somebody can see the page. One that fails is
 * tried again as any other: it tells so itself.
 */
export class Repeated {
  readonly #act: () => Promise<void>;
  readonly #everyMs: number;
  #timer: number | undefined;
  #running = false;
  #again = false;

  constructor(act: () => Promise<void>, everyMs: number) {
    this.#act = act;
    this.#everyMs = everyMs;
    document.addEventListener('visibilitychange', () => this.now());
  }

  /** At once, and then again and again. */
  now(): void {
    if (this.#running) {
      this.#again = true;
      return;
    }
    window.clearTimeout(this.#timer);
    if (document.visibilityState === 'hidden') return;
    this.#running = true;
    void this.#act()
      .catch(() => {})
      .then(() => {
        this.#running = false;
        if (this.#again) {
          this.#again = false;
          this.now();
        } else this.#timer = window.setTimeout(() => this.now(), this.#everyMs);
      });
  }
}
