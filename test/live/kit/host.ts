import { putReadCapacity16 } from '../../../parsers/scsi/build.ts';
import { lunBytes } from '../../../parsers/scsi/lun.ts';
import { isParseFault } from '../../../src/base/fault.ts';
import { parseLuUrl } from '../../../src/base/luUrl.ts';
import { Command } from '../../../src/iscsi/initiator/command.ts';
import { commandFault, verdictOf } from '../../../src/iscsi/lu/verdict.ts';
import { type LuSession, openLuSession, type SessionPlan } from '../../../src/unit/lu/luSession.ts';
import { LU_TIMING, pause } from '../../../src/unit/lu/luTiming.ts';

export interface HostOptions {
  url: string;
  /** Its iSCSI name. */
  initiator: string;
  /** CRC-32C digests are offered. */
  digests?: boolean;
  /** How long a session that is lost is asked for again; commands under way are then sent again, as hosts do. */
  patienceMs?: number;
}

/**
 * A host: one session at a target, any command, and a new session when that one is lost. Commands go the way of this
 * project's own initiator, which other tests hold against real targets; what is judged here is a unit on their way.
 */
export class Host {
  readonly #plan: SessionPlan;
  readonly #patienceMs: number;
  #session: Promise<LuSession> | undefined;
  #closed = false;
  /** Sessions so far. */
  sessions = 0;
  /** Capacity, known once a session was opened. */
  blockSize = 0;
  blocks = 0;

  constructor({ url: text, initiator, digests = false, patienceMs = 30_000 }: HostOptions) {
    const url = parseLuUrl(text);
    if (isParseFault(url)) throw new Error(url.reason);
    this.#patienceMs = patienceMs;
    this.#plan = {
      url,
      initiatorName: initiator,
      isid: Uint8Array.of(0x80, ...[...Buffer.from(initiator)].slice(-5)),
      credentials: url.user === undefined ? undefined : { user: url.user, secret: url.secret ?? '', mutual: undefined },
      digests: { header: digests, data: digests },
      lun: lunBytes(url.lun),
      writable: true,
      timing: { ...LU_TIMING, connectMs: 2000, loginMs: 15_000, logoutMs: 1000 },
    };
  }

  /** Logs in and learns the capacity. */
  async open(): Promise<void> {
    const session = await this.#up();
    const into = new Uint8Array(32);
    await session.ask((cdb) => putReadCapacity16(cdb, 32), { into });
    const view = new DataView(into.buffer);
    this.blocks = Number(view.getBigUint64(0)) + 1;
    this.blockSize = view.getUint32(8);
  }

  /**
   * Carries the command out, however many sessions that takes; resolves with what it brought. Rejects where the target refuses
   * it.
   */
  async do(cdb: Uint8Array, data: { out?: Uint8Array; inBytes?: number } = {}): Promise<Uint8Array | undefined> {
    const { out, inBytes = 0 } = data;
    const command = new Command();
    for (;;) {
      const session = await this.#up();
      command.clear();
      command.cdb.fill(0);
      command.cdb.set(cdb);
      command.lun = this.#plan.lun;
      command.limitNs = this.#plan.timing.commandMs * 1e6;
      command.parts = out ? [out] : [];
      command.outBytes = out?.length ?? 0;
      command.into = inBytes > 0 ? new Uint8Array(inBytes) : undefined;
      command.inBytes = inBytes;
      await new Promise<void>((resolve) => {
        command.ended = () => resolve();
        session.submit(command);
      });
      if (command.ending === 'failed') throw command.fault ?? new Error('a command failed');
      if (command.ending !== 'status') continue;
      const verdict = verdictOf(command.status, command.sense);
      if (verdict === 'good') return command.into;
      if (verdict === 'failed') throw commandFault('the host', command);
      if (verdict === 'later') await pause(20);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const session = await this.#session?.catch(() => undefined);
    await session?.close();
  }

  #up(): Promise<LuSession> {
    this.#session ??= this.#login();
    return this.#session;
  }

  async #login(): Promise<LuSession> {
    const end = performance.now() + this.#patienceMs;
    for (;;) {
      try {
        const session = await openLuSession(this.#plan);
        session.watcher = {
          lost: () => {
            this.#session = undefined;
          },
          sense: () => {},
        };
        this.sessions++;
        return session;
      } catch (error) {
        if (this.#closed || performance.now() > end) throw error;
        await pause(50);
      }
    }
  }
}
