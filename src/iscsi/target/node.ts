import type { StoppedTask } from '../../base/device.ts';
import { Connection } from './connection.ts';
import { DEFAULT_LIMITS, MS } from './limits.ts';
import { Sessions } from './sessions.ts';
import { Shared } from './shared.ts';
import type { SessionStatus, TargetLine, TargetOptions, TargetOwner, TargetPeer, TargetSpec } from './types.ts';

/**
 * An iSCSI network entity with its target nodes (RFC 7143 section 4.1) as a machine at error recovery level 0: connections
 * bring bytes, commands come out as steps to run (`TargetOwner.run`), and buffers to send come out of the connections.
 */
export class TargetNode {
  readonly #shared: Shared;
  readonly #sessions: Sessions;
  readonly #connections = new Set<Connection>();

  constructor(options: TargetOptions, owner: TargetOwner) {
    this.#shared = new Shared(options, { ...DEFAULT_LIMITS, ...options.limits }, owner);
    this.#sessions = new Sessions(this.#shared);
  }

  /** A connection was accepted; undefined where there are too many that have logged in: it is to be reset. */
  accept(peer: TargetPeer, now: number): TargetLine | undefined {
    if (this.#shared.stopping) return undefined;
    if (this.#connections.size >= this.#shared.limits.connections && !this.#makePlace()) return undefined;
    const connection = new Connection(peer, this.#shared, this.#sessions, now, (each) => {
      this.#connections.delete(each);
    });
    this.#connections.add(connection);
    return connection;
  }

  /** Whoever came first and has not logged in goes: idle connections keep nobody out. */
  #makePlace(): boolean {
    for (const connection of this.#connections) {
      if (!connection.expendable) continue;
      this.#connections.delete(connection);
      connection.drop('has to make place for others');
      return true;
    }
    return false;
  }

  /** Time has passed: to be called a few times a second. */
  tick(now: number): void {
    for (const connection of this.#connections) connection.tick(now);
    const before = now - this.#shared.limits.dataMs * MS;
    for (const { tasks } of this.#sessions.byTsih.values()) {
      for (const task of tasks.all.values()) {
        const waits = task.state === 'collecting' && (task.unsolicitedOpen || task.asked.length > 0);
        if (waits && task.heard < before && !task.connection.over) {
          task.connection.drop('does not send the data that it was asked for');
          break;
        }
      }
    }
  }

  /** Other targets from now on; sessions with those that are gone, or are others now, end. */
  change(targets: readonly TargetSpec[]): void {
    this.#shared.options = { ...this.#shared.options, targets };
    for (const session of [...this.#sessions.byTsih.values()]) {
      const { target } = session;
      if (target !== undefined && !targets.some((each) => each.name === target.name && each.device === target.device)) {
        this.#sessions.close(session);
      }
    }
  }

  /** No new sessions; whoever has one is asked to leave within so many seconds. */
  stop(seconds: number): void {
    this.#shared.stopping = true;
    for (const connection of this.#connections) connection.askToLeave(seconds);
  }

  /** Ends everything that is left. */
  dropAll(): void {
    for (const session of [...this.#sessions.byTsih.values()]) this.#sessions.close(session);
    for (const connection of this.#connections) connection.cut(true);
  }

  /** No session is left, and no task that does anything. */
  get idle(): boolean {
    return this.#sessions.byTsih.size === 0;
  }

  /** Stops tasks of any session, for other commands' sake; `then` is called when none of them does anything more. */
  stopTasks(stops: readonly StoppedTask[], then?: () => void): void {
    this.#sessions.stopTasks(stops, then);
  }

  /** Connections at a time, and bytes of data under way. */
  get connections(): number {
    return this.#connections.size;
  }

  get bytes(): number {
    return this.#shared.room.held;
  }

  /** Of them, what came before there was room for it. */
  get waitingBytes(): number {
    return this.#shared.unsolicited;
  }

  sessions(): SessionStatus[] {
    return [...this.#sessions.byTsih.values()].map((session) => ({
      target: session.target?.name ?? '',
      initiator: session.initiator,
      alias: session.alias,
      isid: session.isid,
      tsih: session.tsih,
      discovery: session.discovery,
      user: session.user,
      connections: [...session.connections.values()].map(({ peer, cid, digests }) => ({ peer, cid, digests })),
      commands: session.tasks.all.size,
      bytes: session.held,
    }));
  }
}
