import type { Log, LogFields } from '../../../hw/log.ts';

/** A change of state that somebody may want to look back at. */
export interface UnitEvent {
  /** ISO 8601. */
  at: string;
  level: 'error' | 'warn' | 'info';
  message: string;
  fields: LogFields;
}

/** What a page shows; the log has them all. */
const EVENTS_MAX = 200;
/** Lines that tell of something that happened, not of what somebody did to find out. */
const KEPT = new Set(['state', 'notice', 'mark']);

/** The same log, whose last events are remembered. */
export class EventLog implements Log {
  readonly #log: Log;
  readonly #events: UnitEvent[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  /** Oldest first. */
  get events(): readonly UnitEvent[] {
    return this.#events;
  }

  error(message: string, fields?: LogFields): void {
    this.#keep('error', message, fields);
    this.#log.error(message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#keep('warn', message, fields);
    this.#log.warn(message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#keep('info', message, fields);
    this.#log.info(message, fields);
  }

  debug(message: string, fields?: LogFields): void {
    this.#log.debug(message, fields);
  }

  #keep(level: UnitEvent['level'], message: string, fields: LogFields = {}): void {
    if (!KEPT.has(message)) return;
    this.#events.push({ at: new Date().toISOString(), level, message, fields });
    if (this.#events.length > EVENTS_MAX) this.#events.shift();
  }
}
