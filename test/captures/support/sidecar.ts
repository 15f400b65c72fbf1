import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { captureFolder } from '../../repository.ts';
import { type Frame, readFrames } from './frames.ts';

/** What a sidecar says of one logical unit: its volume before and after, as the real target had it. */
export interface LuTruth {
  target: string;
  lun: number;
  size: number;
  block_size: number;
  before: string;
  after_sha256: string;
  changed_64k_chunks: [number, string][];
}

export interface Sidecar {
  file: string;
  portal?: string;
  base?: string;
  lossless?: boolean;
  login_seen?: boolean;
  ambiguous?: boolean;
  discovery?: boolean;
  luns?: LuTruth[];
  oracle?: { in_doubt_writes?: number };
  sessions?: { header_digest?: boolean; data_digest?: boolean }[];
}

/** Names of all captures with a sidecar, `which` of them where it is given. */
export function captureNames(which: (side: Sidecar, name: string) => boolean = () => true): string[] {
  return readdirSync(captureFolder())
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -5))
    .filter((name) => which(sidecar(name), name))
    .sort();
}

/** The names of `wanted` that are there: a repository alone has a selection. */
export function present(...wanted: string[]): string[] {
  return wanted.filter((name) => existsSync(join(captureFolder(), `${name}.json`)));
}

const sidecars = new Map<string, Sidecar>();

export function sidecar(name: string): Sidecar {
  let side = sidecars.get(name);
  if (side === undefined) {
    side = JSON.parse(readFileSync(join(captureFolder(), `${name}.json`), 'utf8')) as Sidecar;
    sidecars.set(name, side);
  }
  return side;
}

/** The capture that `name` was derived from; itself where it was not. */
export function baseOf(name: string): string {
  const { base } = sidecar(name);
  return base === undefined ? name : base.replace(/\..*$/, '');
}

export function portalOf(name: string): string | undefined {
  const base = baseOf(name);
  return sidecar(name).portal ?? (present(base).length > 0 ? sidecar(base).portal : undefined);
}

export function capturePath(name: string): string {
  return join(captureFolder(), sidecar(name).file);
}

const framesByName = new Map<string, readonly Frame[]>();

export function captureFrames(name: string): readonly Frame[] {
  let frames = framesByName.get(name);
  if (frames === undefined) {
    frames = readFrames(capturePath(name));
    framesByName.set(name, frames);
  }
  return frames;
}

const CHUNK = 65536;

/**
 * The image that a capture started from: zeros, or sha256("SEED:k") for k = 0, 1, 2 ... Made piece by piece where it is
 * looked at: most of a volume never is.
 */
export class Image {
  readonly bytes: Uint8Array;
  private readonly seed: string;
  private readonly made: Uint8Array;

  constructor({ before, size }: LuTruth) {
    this.bytes = new Uint8Array(size);
    this.seed = before;
    this.made = new Uint8Array(before === 'zeros' ? 0 : Math.ceil(size / CHUNK));
  }

  /** Makes bytes [start, end) before they are read or overwritten for the first time. */
  need(start: number, end: number): void {
    const last = Math.min(this.made.length, Math.ceil(end / CHUNK));
    for (let chunk = Math.floor(start / CHUNK); chunk < last; chunk++) {
      if (this.made[chunk] === 1) continue;
      this.made[chunk] = 1;
      const to = Math.min(this.bytes.length, (chunk + 1) * CHUNK);
      for (let at = chunk * CHUNK; at < to; at += 32) {
        const digest = createHash('sha256')
          .update(`${this.seed}:${at / 32}`)
          .digest();
        this.bytes.set(digest.subarray(0, Math.min(32, to - at)), at);
      }
    }
  }
}

const images = new Map<string, Image>();

/** The image before, shared: not to be written to. */
export function beforeImage(lu: LuTruth): Image {
  const key = `${lu.before} ${lu.size}`;
  let image = images.get(key);
  if (image === undefined) {
    image = new Image(lu);
    images.set(key, image);
  }
  return image;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
