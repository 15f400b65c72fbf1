import { openFileVolume } from '../../../hw/files.ts';
import { Fault } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';
import { Room } from '../../buffer/room.ts';
import type { UnitConfig } from '../config/config.ts';
import { refuseTwins } from '../lu/twins.ts';
import { VolumeUnit } from '../mirror/volumeUnit.ts';
import { feedOf, type ReplayFeed } from './replayFeed.ts';
import { openReplay, type ReplaySource } from './replaySource.ts';
import type { OtherLu, Progress, ReplayHooks, UnitReport } from './report.ts';

/** One configured volume with what was opened for it. */
interface Joined {
  unit: VolumeUnit;
  first: Volume | undefined;
  firstPath: string | undefined;
  seen: boolean;
  written: boolean;
}

/**
 * The job of `tapmirror mirror`: reads the configured captures as one stream of time and repeats every write onto the
 * mirrors. Resolves with the report, also when the signal ended it early; rejects with a `Fault` when nothing could be
 * started, or when a configured volume was never seen while others were written.
 */
export async function replay(config: UnitConfig, hooks: ReplayHooks = {}): Promise<UnitReport> {
  const started = process.hrtime.bigint();
  const clock = (): number => Number(process.hrtime.bigint() - started);
  const room = new Room(config.buffer);
  const notices: string[] = [];
  const notice = (text: string): void => {
    notices.push(text);
    hooks.notice?.(text);
  };
  const source = await openReplay(config.source.replay, config.source.signals);
  const volumes = new Map<string, Joined>();
  try {
    await openVolumes(config, room, volumes, clock, notice, hooks.further);
    const run = new Run(config, hooks, source, room, volumes, clock, notice);
    await run.read();
    await run.finish();
    return run.report(Math.round(clock() / 1e6), notices);
  } finally {
    await (source.kind === 'frames' ? source.frames : source.traces).close();
    for (const { unit, first } of volumes.values()) {
      await unit.close();
      await first?.close();
    }
  }
}

async function openVolumes(
  config: UnitConfig,
  room: Room,
  volumes: Map<string, Joined>,
  now: () => number,
  notice: (text: string) => void,
  further: ReplayHooks['further'],
): Promise<void> {
  const media: { name: string; volume: Volume }[] = [];
  for (const { lu, first: firstPath, mirrors: wanted, blockSize, blocks } of config.volumes) {
    const size = blockSize === undefined ? {} : { blockSize };
    const first = firstPath === undefined ? undefined : await openFileVolume(firstPath, { writable: false, ...size });
    const mirrors: { to: string; volume: Volume }[] = [];
    for (const { to, path } of wanted)
      mirrors.push({ to, volume: await openFileVolume(path, { writable: true, ...size }) });
    mirrors.push(...(further?.(lu) ?? []));
    for (const { to, volume } of mirrors) media.push({ name: to, volume });
    const unit = new VolumeUnit({
      lu,
      room,
      mirrors,
      ...(first === undefined ? {} : { first: { name: `file:${firstPath}`, volume: first } }),
      now,
      notice,
    });
    unit.facts({ lu, blockSize: blockSize ?? 0, blocks: blocks ?? 0, designators: [] });
    volumes.set(lu, { unit, first, firstPath, seen: false, written: false });
  }
  refuseTwins(media);
}

/** One replay under way. */
class Run {
  private readonly config: UnitConfig;
  private readonly hooks: ReplayHooks;
  private readonly room: Room;
  private readonly volumes: ReadonlyMap<string, Joined>;
  private readonly clock: () => number;
  private readonly feed: ReplayFeed;
  private readonly others = new Map<string, OtherLu>();
  private holes = 0;
  private holeBytes = 0;
  private commands = 0;
  private changes = 0;
  private waits = 0;

  constructor(
    config: UnitConfig,
    hooks: ReplayHooks,
    source: ReplaySource,
    room: Room,
    volumes: ReadonlyMap<string, Joined>,
    clock: () => number,
    notice: (text: string) => void,
  ) {
    this.config = config;
    this.hooks = hooks;
    this.room = room;
    this.volumes = volumes;
    this.clock = clock;
    this.feed = feedOf(source, {
      room,
      tick: () => room.tick(clock()),
      roomAgain: () => this.roomAgain(),
      volumes: config.volumes,
      reorder: config.reorder,
      settleMs: config.settleMs,
      sink: {
        command: (view) => {
          this.commands++;
          const joined = volumes.get(view.lu);
          if (joined !== undefined) joined.seen = true;
        },
        hole: (view) => {
          this.holes++;
          this.holeBytes += view.bytes;
        },
        facts: (facts) => volumes.get(facts.lu)?.unit.facts(facts),
        change: (change) => {
          const joined = volumes.get(change.lu);
          this.changes++;
          if (joined !== undefined) {
            joined.written = true;
            joined.unit.push(change);
            return;
          }
          if (change.lease !== undefined) room.give(change.lease);
          this.other(change.lu, change.pieces === 'wholeLu' ? 0 : change.pieces.reduce((n, p) => n + p.length, 0));
        },
        barrier: (barrier) => volumes.get(barrier.lu)?.unit.barrier(barrier),
        notice,
      },
    });
  }

  /** Reads to the end of the source, or until the operator stops it. */
  async read(): Promise<void> {
    const { signal } = this.hooks;
    while (signal?.aborted !== true) {
      if (!(await this.feed.next())) break;
      this.tell('replay', this.feed.source.position, this.feed.source.total);
    }
    this.feed.finish();
    this.refuseUnseen();
  }

  /** Catches up and reads back what is in doubt. */
  async finish(): Promise<void> {
    const { signal } = this.hooks;
    for (const { unit } of this.volumes.values()) {
      await unit.finish({
        ...(signal === undefined ? {} : { signal }),
        progress: (done, total) => this.tell('resolve', done, total),
      });
    }
    this.room.tick(this.clock());
  }

  report(elapsedMs: number, notices: string[]): UnitReport {
    return {
      source: {
        files: this.config.source.replay,
        frames: this.feed.frames,
        bytes: this.feed.source.position,
        faults: [...this.feed.source.faults],
      },
      streams: this.feed.streams,
      holes: { count: this.holes, bytes: this.holeBytes },
      volumes: [...this.volumes.values()].map(({ unit, firstPath }) => ({
        ...unit.report(),
        first: firstPath ?? null,
      })),
      buffer: { ...this.room.report(), waits: this.waits },
      others: [...this.others.values()],
      notices,
      interrupted: this.hooks.signal?.aborted === true,
      elapsedMs,
    };
  }

  private async roomAgain(): Promise<void> {
    this.waits++;
    await new Promise<void>((resolve) => this.room.onRoom(resolve));
  }

  private tell(phase: Progress['phase'], position: number, total: number): void {
    this.hooks.progress?.({ phase, position, total, commands: this.commands, changes: this.changes });
  }

  private other(lu: string, bytes: number): void {
    const known = this.others.get(lu) ?? { lu, changes: 0, bytesWritten: 0 };
    if (this.others.size >= 1000 && !this.others.has(lu)) return;
    known.changes++;
    known.bytesWritten += bytes;
    this.others.set(lu, known);
  }

  /** A volume that was never seen while others were written is most likely misspelt: its mirror would be silently old. */
  private refuseUnseen(): void {
    if (this.hooks.signal?.aborted) return;
    const unseen = [...this.volumes].filter(([, v]) => !v.seen && !v.written).map(([lu]) => lu);
    const written = [...this.volumes].filter(([, v]) => v.written).map(([lu]) => lu);
    for (const lu of this.others.keys()) written.push(lu);
    if (unseen.length === 0 || written.length === 0) return;
    throw new Fault(
      'local',
      `${unseen.join(', ')}: configured, but never seen, while ${written.slice(0, 8).join(', ')} ${written.length === 1 ? 'was' : 'were'} written`,
      'correct the name in `lu`, or take the volume out of the configuration',
    );
  }
}
