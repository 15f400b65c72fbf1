import type { StoppedTask } from '../../base/device.ts';
import { sameName } from './access.ts';
import type { Connection } from './connection.ts';
import { type Login, Refusal } from './login.ts';
import { Session } from './session.ts';
import type { Shared } from './shared.ts';

/** A login that has proved all it has to, and waits until the initiator's former session does nothing more. */
interface Join {
  readonly connection: Connection;
  readonly login: Login;
}

/** All sessions of a node: how they come to be, follow one another and end (RFC 7143 sections 6.3.5 and 6.3.6). */
export class Sessions {
  readonly #shared: Shared;
  readonly byTsih = new Map<number, Session>();
  readonly #byNexus = new Map<number, Session>();
  #joins: Join[] = [];
  #tsih = 0;
  #nexus = 0;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  /** Gives the connection its session, now or later, or refuses: it is told by `joined` or `refused`. */
  join(connection: Connection, login: Login): void {
    if (login.tsih !== 0) {
      this.#joinExisting(connection, login);
      return;
    }
    // The same initiator port comes again: its former session is over (session reinstatement).
    for (const session of this.byTsih.values()) {
      if (!session.closing && this.#same(session, login) && session.isid === isidText(login)) this.close(session);
    }
    if (this.#busy(login)) {
      this.#joins.push({ connection, login });
      return;
    }
    if (this.#shared.stopping) connection.refused(Refusal.unavailable, 'comes while the target stops');
    else if (!login.discovery && this.#count() >= this.#shared.limits.sessions) {
      connection.refused(Refusal.outOfResources, 'comes when there are as many sessions as there may be');
    } else this.#create(connection, login);
  }

  /** The login waits no more. */
  forget(connection: Connection): void {
    this.#joins = this.#joins.filter((join) => join.connection !== connection);
  }

  /** The connection is over: what is left of its session ends with it at error recovery level 0 (section 7.1.5). */
  lost(connection: Connection): void {
    this.forget(connection);
    const { session } = connection;
    if (session !== undefined && session.connections.get(connection.cid) === connection) this.close(session);
  }

  /** Ends a session: its connections at once, its tasks as soon as that can be. */
  close(session: Session): void {
    if (session.closing) return;
    session.closing = true;
    for (const connection of session.connections.values()) connection.cut();
    session.unwait();
    session.tasks.stopAll(undefined, () => this.#gone(session));
  }

  /** A logout (section 11.14): `then` is called when no task of it does anything more. */
  leave(connection: Connection, session: Session, whole: boolean, then: () => void): void {
    if (whole || session.connections.size === 1) {
      if (session.closing) return;
      session.closing = true;
      for (const other of session.connections.values()) if (other !== connection) other.cut();
      session.unwait();
      session.tasks.stopAll(undefined, () => {
        then();
        this.#gone(session);
      });
      return;
    }
    session.connections.delete(connection.cid);
    session.tasks.stopAll(connection, then);
  }

  /** Stops tasks of any session; `then` is called when none of them does anything more. */
  stopTasks(stops: readonly StoppedTask[], then?: () => void): void {
    let left = 1;
    const one = (): void => {
      left--;
      if (left === 0) then?.();
    };
    for (const { nexus, tag, tell } of stops) {
      const session = this.#byNexus.get(nexus);
      const task = session?.tasks.all.get(tag);
      if (session === undefined || task === undefined) continue;
      left++;
      session.tasks.stop(task, tell === true, one);
    }
    one();
  }

  /** TARGET COLD RESET (section 11.5.1): all sessions with the same device end; its own once that was answered. */
  reset(own: Session): void {
    for (const session of [...this.byTsih.values()]) {
      if (session.device !== own.device) continue;
      if (session === own) for (const connection of [...session.connections.values()]) connection.finish();
      this.close(session);
    }
  }

  /** Discovery sessions do not count: they hold nothing, and nobody who may do more is to wait for them. */
  #count(): number {
    let count = 0;
    for (const { discovery } of this.byTsih.values()) if (!discovery) count++;
    return count;
  }

  #joinExisting(connection: Connection, login: Login): void {
    const session = this.byTsih.get(login.tsih);
    if (session === undefined || session.closing || !this.#same(session, login) || session.isid !== isidText(login)) {
      connection.refused(Refusal.noSession, 'wants to join a session that there is not');
      return;
    }
    const former = session.connections.get(login.cid);
    if (former !== undefined) {
      // The same connection comes again: connection reinstatement.
      session.connections.set(login.cid, connection);
      former.cut();
      session.tasks.stopAll(former, () => this.#attach(connection, session));
    } else if (session.connections.size >= session.parameters.maxConnections) {
      connection.refused(Refusal.tooManyConnections, 'has as many connections as were agreed on');
    } else this.#attach(connection, session);
  }

  #attach(connection: Connection, session: Session): void {
    if (connection.over) {
      // It was lost while it waited for the connection before it.
      if (session.connections.get(connection.cid) === connection) this.close(session);
      return;
    }
    if (session.closing) {
      connection.cut();
      return;
    }
    session.connections.set(connection.cid, connection);
    connection.joined(session);
  }

  #create(connection: Connection, login: Login): void {
    do this.#tsih = (this.#tsih % 0xffff) + 1;
    while (this.byTsih.has(this.#tsih));
    const session = new Session(this.#shared, login, this.#tsih, ++this.#nexus);
    this.byTsih.set(session.tsih, session);
    this.#byNexus.set(session.nexus.id, session);
    session.device.open(session.nexus);
    this.#attach(connection, session);
  }

  #gone(session: Session): void {
    this.byTsih.delete(session.tsih);
    this.#byNexus.delete(session.nexus.id);
    session.device.close(session.nexus);
    const joins = this.#joins;
    this.#joins = [];
    for (const { connection, login } of joins) if (!connection.over) this.join(connection, login);
  }

  /** A session of the same initiator with the same target still has tasks that may do something. */
  #busy(login: Login): boolean {
    for (const session of this.byTsih.values()) if (session.closing && this.#same(session, login)) return true;
    return false;
  }

  #same(session: Session, { target, initiator }: Login): boolean {
    return session.target?.name === target?.name && sameName(session.initiator, initiator);
  }
}

function isidText({ isid }: Login): string {
  return Array.from(isid, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
