import { isAbsolute } from 'node:path';
import { type ControlJob, ControlServer } from '../../../hw/controlServer.ts';
import type { ControlRequest } from '../../../hw/controlWire.ts';
import type { Log } from '../../../hw/log.ts';
import { normalPortal } from '../../base/address.ts';
import { Fault } from '../../base/fault.ts';
import { NAME_BYTES_MAX } from '../../base/luUrl.ts';
import type { VerifyReport } from '../compare/verifyTypes.ts';
import type { RollBackReport } from '../history/rollBack.ts';
import type { GroupRewindReport } from '../received/groupReceived.ts';
import type { RewindReport } from '../received/receivedVolume.ts';
import type { ServeAuth } from '../serve/serveTypes.ts';
import type { MomentWord } from '../watch/momentWords.ts';
import type { RunningUnit } from '../watch/status.ts';
import { changeMirrors } from './controlMirrors.ts';
import { STEERING, steered } from './controlSteer.ts';
import type { JobKind, JobWhat } from './jobs.ts';

type Answering = Omit<RunningUnit, 'ready' | 'failed' | 'drained' | 'stop'>;

/** A job says so often how far it is, even when it is not further. */
const TELL_MS = 1000;
const MARK_CHARACTERS_MAX = 64;
const WORDS_MAX = 200;

/**
 * Serves the unit's control socket, to a group's members as well where one is named, until it is closed. Rejects with a
 * `Fault` when the path cannot be had.
 */
export async function serveControl(path: string, unit: Answering, log: Log, group?: string): Promise<ControlServer> {
  return ControlServer.open({
    path,
    group,
    answer: (request, job) => answer(unit, request, job, log),
    failed: (error) => log.error('the control socket failed', { why: words(error) }),
  });
}

/** What a unit answers to a request of its control socket, or of its page. Throws, or rejects with, a `Fault`. */
export function answer(unit: Answering, request: ControlRequest, job: ControlJob, log: Log): unknown {
  switch (request.do) {
    case 'status':
      return unit.status();
    case 'mark': {
      const name = markName(request.name);
      log.info('mark', { name });
      return unit.mark(name, { volume: optional(request.volume, 'volume'), group: optional(request.group, 'group') });
    }
    case 'history': {
      const group = optional(request.group, 'group');
      if (group !== undefined) return unit.groupHistory(group);
      return unit.history(optional(request.volume, 'volume'));
    }
    case 'explain':
      return unit.explain(optional(request.volume, 'volume'), Number(request.lbn));
    case 'rewind':
      return unit.running.run(jobOf('rewind', request), job, (one) => rewind(unit, request, one, log));
    case 'promote':
    case 'demote': {
      const volume = optional(request.volume, 'volume') ?? '';
      log.info(request.do, { volume, force: request.force === true });
      return request.do === 'promote' ? unit.promote(volume, request.force === true) : unit.demote(volume);
    }
    case 'verify':
      if (request.background === true) return verifyInBackground(unit, request);
      return unit.running.run(jobOf('verify', request), job, (one) => verify(unit, request, one, log));
    case 'open':
      return open(unit, request, job, log);
    case 'rollBack':
      if (request.sure === undefined) return rollBack(unit, request, log);
      return unit.running.run(jobOf('rollBack', request), job, () => rollBack(unit, request, log));
    case 'addMirror':
    case 'removeMirror':
      return changeMirrors(unit, request, job);
    default: {
      if ((STEERING as readonly string[]).includes(request.do)) return steered(unit.steer, request, job);
      const known = `it knows: status, mark, explain, history, rewind, rollBack, verify, promote, demote, open, addMirror, removeMirror, ${STEERING.join(', ')}`;
      throw new Fault('peer', `a unit cannot ${JSON.stringify(request.do.slice(0, 40))}`, known);
    }
  }
}

function jobOf(kind: JobKind, { volume, group, mirror }: ControlRequest): JobWhat {
  const named = optional(volume, 'volume') ?? optional(group, 'group') ?? '';
  const one = optional(mirror, 'mirror');
  return { kind, volume: named, ...(one === undefined ? {} : { mirror: one }), cancels: kind !== 'rollBack' };
}

function rollBack(unit: Answering, request: ControlRequest, log: Log): Promise<RollBackReport> {
  const volume = optional(request.volume, 'volume');
  const to = momentWord(request.to);
  const sure = optional(request.sure, 'sure');
  if (sure !== undefined) log.info('rollBack', { volume: volume ?? '', to: to.words });
  return unit.rollBack(volume, { to, force: request.force === true, sure });
}

function verifyInBackground(unit: Answering, request: ControlRequest): Promise<{ id: string }> {
  const volume = optional(request.volume, 'volume');
  const mirror = optional(request.mirror, 'mirror');
  if (unit.background === undefined) {
    throw new Fault('peer', 'this unit is on no bus', 'ask the unit that sends the volume: it compares its mirrors');
  }
  return unit.background.verify({
    ...(volume === undefined ? {} : { volume }),
    ...(mirror === undefined ? {} : { mirror }),
    repair: request.repair === true,
  });
}

async function verify(unit: Answering, request: ControlRequest, job: ControlJob, log: Log): Promise<VerifyReport> {
  const volume = optional(request.volume, 'volume');
  const mirror = optional(request.mirror, 'mirror');
  const repair = request.repair === true;
  log.info('verify', { volume: volume ?? '', mirror: mirror ?? '', repair });
  let last = { done: 0, total: 0 };
  const timer = setInterval(() => job.progress(last), TELL_MS);
  try {
    const progress = (done: number, total: number): void => {
      last = { done, total };
    };
    const named = mirror === undefined ? {} : { mirror };
    const report = await unit.verify(volume, { ...named, repair, progress, signal: job.signal });
    const differing = report.mirrors.reduce((sum, { differingBytes }) => sum + differingBytes, 0);
    log[differing > 0 ? 'warn' : 'info']('verified', { volume: report.volume, equal: report.equal, differing });
    return report;
  } finally {
    clearInterval(timer);
  }
}

async function rewind(
  unit: Answering,
  request: ControlRequest,
  job: ControlJob,
  log: Log,
): Promise<RewindReport | GroupRewindReport> {
  const volume = optional(request.volume, 'volume');
  const group = optional(request.group, 'group');
  const to = momentWord(request.to);
  const out = optional(request.out, 'out') ?? '';
  if (!isAbsolute(out)) throw new Fault('peer', '"out" is not an absolute path', 'use the tapmirror of this version');
  log.info('rewind', { ...(group === undefined ? { volume: volume ?? '' } : { group }), to: to.words, out });
  let last = { done: 0, total: 0 };
  const timer = setInterval(() => job.progress(last), TELL_MS);
  try {
    const progress = (done: number, total: number): void => {
      last = { done, total };
    };
    const order = { to, out, force: request.force === true, progress, signal: job.signal };
    return await (group === undefined ? unit.rewind(volume, order) : unit.groupRewind(group, order));
  } finally {
    clearInterval(timer);
  }
}

/** The moment is served until the peer has gone. */
async function open(unit: Answering, request: ControlRequest, job: ControlJob, log: Log): Promise<null> {
  const at = momentWord(request.to);
  const volume = optional(request.volume, 'volume');
  const scratch = optional(request.scratch, 'scratch', PATH_MAX);
  const name = optional(request.name, 'name', NAME_BYTES_MAX) ?? '';
  const { listen, lun } = request;
  const portals = Array.isArray(listen) ? listen.map((one) => normalPortal(String(one).slice(0, WORDS_MAX))) : [];
  const fits = portals.length > 0 && portals.every((one) => one !== undefined) && name !== '';
  if (!fits || !Number.isSafeInteger(lun) || Number(lun) < 0 || (scratch !== undefined && !isAbsolute(scratch))) {
    throw new Fault('peer', 'it is not said what to serve, and where', 'use the tapmirror of this version');
  }
  const auth = authOf(request.user, request.secret);
  log.info('open', { volume: volume ?? '', at: at.words, listen: portals.join(', ') });
  let told: unknown;
  const timer = setInterval(
    () => job.progress({ done: 0, total: 0, ...(told === undefined ? {} : { told }) }),
    TELL_MS,
  );
  try {
    await unit.open(volume, {
      at,
      listen: portals.filter((one) => one !== undefined),
      name,
      lun: Number(lun),
      ...(scratch === undefined ? {} : { scratch }),
      ...(auth === undefined ? {} : { auth }),
      force: request.force === true,
      ready: (report) => {
        told = report;
        job.progress({ done: 0, total: 0, told });
      },
      signal: job.signal,
    });
    return null;
  } finally {
    clearInterval(timer);
  }
}

/** A secret that passes here is seen by nobody besides the two who talk. */
function authOf(user: unknown, secret: unknown): ServeAuth | undefined {
  const [name, words] = [optional(user, 'user'), optional(secret, 'secret', SECRET_MAX)];
  return name === undefined || words === undefined ? undefined : { users: [{ user: name, secret: words }] };
}

/** A bookmark's name: something that people can write, and that is no sequence. */
export function markName(value: unknown): string {
  const name = typeof value === 'string' ? value : '';
  const fits = name !== '' && name.length <= MARK_CHARACTERS_MAX && !/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u.test(name);
  const mend = `write 1 to ${MARK_CHARACTERS_MAX} characters, and more than a number`;
  if (!fits || name.trim() !== name) throw new Fault('peer', 'not a name for a bookmark', mend);
  if (/^\d+$/.test(name)) throw new Fault('peer', `${name} is a sequence, not a name for a bookmark`, mend);
  return name;
}

function momentWord(value: unknown): MomentWord {
  const one = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  const mark = optional(one.mark, 'to.mark');
  const time = optional(one.time, 'to.time');
  const { sequence } = one;
  const shown = optional(one.words, 'to.words') ?? mark ?? '';
  const sound =
    (sequence === undefined || (Number.isSafeInteger(sequence) && Number(sequence) >= 0)) &&
    (time === undefined || /^\d{1,19}$/.test(time));
  if (!sound || (mark === undefined && time === undefined && sequence === undefined)) {
    throw new Fault('peer', 'no moment is named', 'use the tapmirror of this version');
  }
  return {
    words: shown,
    ...(mark === undefined ? {} : { mark }),
    ...(sequence === undefined ? {} : { sequence: Number(sequence) }),
    ...(time === undefined ? {} : { time: BigInt(time) }),
  };
}

function optional(value: unknown, what: string, max = what === 'out' ? PATH_MAX : WORDS_MAX): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value.length <= max) return value;
  throw new Fault('peer', `"${what}" is not a text that a unit takes`, 'use the tapmirror of this version');
}

/** Longer than any path that Linux takes. */
const PATH_MAX = 4096;
const SECRET_MAX = 1024;

function words(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
