import type { KeptState, StateFile } from '../../../hw/storeState.ts';

/** A store's state in memory and on its way to the file. */
export class HistoryKeeper {
  readonly #file: StateFile;
  #state: KeptState;

  constructor(file: StateFile, state: KeptState) {
    this.#file = file;
    this.#state = state;
  }

  get state(): KeptState {
    return this.#state;
  }

  /** A killed process loses nothing of it. */
  put(changes: Partial<KeptState>): Promise<void> {
    this.#state = { ...this.#state, ...changes };
    return this.#file.put(this.#state);
  }

  /** Nor does a power loss. */
  commit(changes: Partial<KeptState>): Promise<void> {
    this.#state = { ...this.#state, ...changes };
    return this.#file.commit(this.#state);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
