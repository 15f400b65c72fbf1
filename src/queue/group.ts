import { Fault } from '../base/fault.ts';
import type { Bookmark, Moment, MomentTarget } from './moments.ts';
import type { NumberRange, OrderRun } from './sharedOrders.ts';
import { type Timeline, timeText } from './timeline.ts';

/** A volume of a consistency group, with the moments that are kept of it. */
export interface GroupMember {
  readonly name: string;
  readonly timeline: Timeline;
}

/** A moment of a group: its sequence is a number of the shared order, and each volume has its own sequence in its queue. */
export interface GroupMoment extends Moment {
  /** In the order of the members. */
  readonly sequences: readonly number[];
}

export interface GroupSpan {
  readonly from: GroupMoment;
  readonly to: GroupMoment;
  readonly consistent: boolean;
}

export interface GroupMoments {
  /** Undefined while the volumes have no moment in common. */
  readonly oldest: GroupMoment | undefined;
  readonly newest: GroupMoment | undefined;
  readonly spans: readonly GroupSpan[];
  readonly bookmarks: readonly (Bookmark & GroupMoment)[];
  /** Why there is none. */
  readonly why: string | undefined;
}

/** A number among what all have. `sound`: whoever named it knew it, and did not name it later for one that was lost. */
type Place = [common: Common, number: number, sound: boolean];

/** What all members have of one process of the sender. */
interface Common {
  /** In the order of the members. */
  readonly runs: readonly OrderRun[];
  readonly low: number;
  readonly high: number;
  /** Numbers at which some member is in doubt: sorted, apart, within `low` to `high`. */
  readonly doubtful: readonly NumberRange[];
}

/**
 * The moments that several volumes have in common (requirement C5), as their queues are now.
 *
 * At number N of the shared order each volume is what its changes up to N made it, and that is one moment of all of them: the
 * bus gave those changes before any other. It is known where each queue is known to hold all of its volume's changes up to
 * N, and consistent where each volume is. Numbers of different processes of the sender have nothing in common.
 */
export class Group {
  readonly #members: readonly GroupMember[];
  readonly #commons: readonly Common[];

  constructor(members: readonly GroupMember[]) {
    this.#members = members;
    this.#commons = commonsOf(members);
  }

  /** The newest moment that is consistent. */
  lastConsistent(): GroupMoment | undefined {
    for (const common of [...this.#commons].reverse()) {
      let number = common.high;
      for (const [from, to] of [...common.doubtful].reverse()) if (number <= to) number = Math.min(number, from - 1);
      if (number >= common.low) return this.#moment(common, number);
    }
    return undefined;
  }

  moments(): GroupMoments {
    const [first] = this.#commons;
    const last = this.#commons.at(-1);
    return {
      oldest: first && this.#moment(first, first.low),
      newest: last && this.#moment(last, last.high),
      spans: this.#commons.flatMap((common) => this.#spans(common)),
      bookmarks: this.#bookmarks(),
      why: first ? undefined : this.#why(),
    };
  }

  /** The moment meant: a bookmark of all the volumes, a number of the shared order, or the last one that is not after a time. */
  find(target: MomentTarget, force: boolean): GroupMoment {
    const [common, number, sound] = this.#place(target);
    const found = this.#moment(common, number);
    const moment = { ...found, consistent: found.consistent && sound };
    if (moment.consistent || force) return moment;
    const names = this.#members.filter((_, i) => !this.#holds(common, i, number)).map(({ name }) => name);
    const where = names.length > 0 ? ` at ${names.join(', ')}` : '';
    const what = `the moment ${moment.sequence} (${timeText(moment.at)}) is not consistent${where}`;
    const best = this.lastConsistent();
    const near = best ? `take a consistent one, such as ${best.sequence} (${timeText(best.at)}), or` : 'wait, or';
    throw new Fault('local', `${what}: it mixes blocks of different times`, `${near} force it`);
  }

  #place(target: MomentTarget): Place {
    if (this.#commons.length === 0) throw new Fault('local', 'the volumes have no moment in common', this.#why());
    if ('mark' in target) return this.#marked(target.mark);
    if ('time' in target) return [...this.#timed(target.time), true];
    const { sequence } = target;
    const common = this.#commons.findLast(({ low, high }) => sequence >= low && sequence <= high);
    if (common) return [common, sequence, true];
    const kept = this.#commons.map(({ low, high }) => `${low} to ${high}`).join(', ');
    throw new Fault('local', `the group has no moment ${sequence}`, `there are: ${kept}`);
  }

  #marked(name: string): Place {
    const found = this.#marks().get(name);
    if (found) return found;
    const names = [...this.#marks().keys()];
    const some = this.#members.filter(({ timeline }) => timeline.bookmarks().some((one) => one.name === name));
    const what = `no bookmark ${JSON.stringify(name)} is kept`;
    const where =
      some.length > 0 ? ` at one moment of all volumes, but at ${some.map((one) => one.name).join(', ')}` : '';
    const mend = names.length > 0 ? `there are: ${names.slice(-20).join(', ')}` : 'none is kept: name a time';
    throw new Fault('local', `${what}${where}`, mend);
  }

  #timed(time: bigint): [common: Common, number: number] {
    for (const common of [...this.#commons].reverse()) {
      let number = common.high;
      this.#members.forEach(({ timeline }, i) => {
        const { first, last } = common.runs[i];
        const sequence = timeline.lastNotAfter(time);
        if (timeline.moment(first).at > time || sequence < first) number = -1;
        else if (sequence < last) number = Math.min(number, timeline.orders.numberOf(sequence + 1) - 1);
      });
      if (number >= common.low) return [common, number];
    }
    const [{ low }] = this.#commons;
    const oldest = this.#moment(this.#commons[0], low);
    const mend = `the oldest moment that all its volumes keep is that of ${timeText(oldest.at)}`;
    throw new Fault('local', `${timeText(time)} lies before everything that is kept of the group`, mend);
  }

  /** Its number is the least that means it. */
  #moment(common: Common, number: number): GroupMoment {
    const { runs, low } = common;
    let at = 0n;
    let least = low;
    const sequences = this.#members.map(({ timeline }, i) => {
      const sequence = timeline.orders.sequenceAt(runs[i], number);
      least = Math.max(least, timeline.orders.numberOf(sequence));
      const moment = timeline.moment(sequence);
      if (moment.at > at) at = moment.at;
      return sequence;
    });
    const consistent = !common.doubtful.some(([from, to]) => from <= number && number <= to);
    // In doubt at a number may be what is none at a lesser one.
    return { sequence: consistent ? least : number, at, consistent, sequences };
  }

  #holds(common: Common, member: number, number: number): boolean {
    const { timeline } = this.#members[member];
    return !timeline.doubtful(common.runs[member]).some(([from, to]) => from <= number && number <= to);
  }

  #spans(common: Common): GroupSpan[] {
    const spans: GroupSpan[] = [];
    const put = (from: number, to: number): void => {
      if (from > to) return;
      const [first, last] = [this.#moment(common, from), this.#moment(common, to)];
      const sequence = Math.max(first.sequence, from);
      spans.push({
        from: { ...first, sequence },
        to: { ...last, sequence: Math.max(last.sequence, from) },
        consistent: first.consistent,
      });
    };
    let next = common.low;
    for (const [from, to] of common.doubtful) {
      put(next, from - 1);
      put(from, to);
      next = to + 1;
    }
    put(next, common.high);
    return spans;
  }

  #bookmarks(): (Bookmark & GroupMoment)[] {
    return [...this.#marks()].map(([name, [common, number, sound]]) => {
      const moment = this.#moment(common, number);
      return { name, ...moment, consistent: moment.consistent && sound };
    });
  }

  /** Bookmarks that stand at every volume at one number, in their order. */
  #marks(): Map<string, Place> {
    const [first, ...others] = this.#members.map(({ timeline }) => {
      const marks = new Map<string, number>();
      for (const { name, sequence } of timeline.bookmarks()) marks.set(name, sequence);
      return marks;
    });
    const found = new Map<string, Place>();
    for (const [name, sequence] of first ?? []) {
      const common = this.#commons.find(({ runs }) => sequence >= runs[0].first && sequence <= runs[0].last);
      if (!common) continue;
      const number = this.#members[0].timeline.orders.numberOf(sequence);
      let sound = this.#members[0].timeline.moment(sequence).consistent;
      const everywhere = others.every((marks, i) => {
        const other = marks.get(name);
        const { first: from, last } = common.runs[i + 1];
        const { timeline } = this.#members[i + 1];
        if (other === undefined || other < from || other > last) return false;
        sound &&= timeline.moment(other).consistent;
        return timeline.orders.numberOf(other) === number;
      });
      if (everywhere && number >= common.low && number <= common.high) found.set(name, [common, number, sound]);
    }
    return found;
  }

  #why(): string {
    const silent = this.#members.filter(({ timeline }) => timeline.orders.runs().length === 0).map(({ name }) => name);
    if (silent.length > 0) {
      return `nothing has come in a shared order for ${silent.join(', ')}: name the same group at the unit that sends`;
    }
    return 'what the volumes keep does not meet: they are of different senders, or one is far behind the others';
  }
}

function commonsOf(members: readonly GroupMember[]): Common[] {
  const all = members.map(({ timeline }) => timeline.orders.runs());
  const commons: Common[] = [];
  for (const own of all[0] ?? []) {
    // Of a process that came twice only what came last is one run.
    const runs = all.map((list) => list.findLast(({ space }) => space === own.space));
    if (runs[0] !== own || runs.some((run) => run === undefined)) continue;
    const there = runs as OrderRun[];
    const low = Math.max(...there.map((run) => run.low));
    const high = Math.min(...there.map((run) => run.high));
    if (low > high) continue;
    const doubtful = joined(
      members.flatMap(({ timeline }, i) => timeline.doubtful(there[i])),
      low,
      high,
    );
    commons.push({ runs: there, low, high, doubtful });
  }
  return commons;
}

/** Sorted and apart, as far as they lie within the bounds. */
function joined(ranges: readonly NumberRange[], low: number, high: number): NumberRange[] {
  const within = ranges.map(([from, to]): [number, number] => [Math.max(from, low), Math.min(to, high)]);
  const apart: [number, number][] = [];
  for (const [from, to] of within.filter(([a, b]) => a <= b).sort((a, b) => a[0] - b[0])) {
    const last = apart.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else apart.push([from, to]);
  }
  return apart;
}
