import { createHash, hash } from 'node:crypto';
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

/** Pieces that images are made in. */
const PIECE = 4096;
const DIGEST = 32;

/**
 * The image that a capture started from: zeros, or sha256("SEED:k") for k = 0, 1, 2 ... Made piece by piece where it is
 * looked at: most of a volume never is.
 */
export class Image {
  readonly bytes: Uint8Array;
  readonly #lu: LuTruth;
  readonly #made: Uint8Array;

  constructor(lu: LuTruth) {
    this.bytes = new Uint8Array(lu.size);
    this.#lu = lu;
    this.#made = new Uint8Array(lu.before === 'zeros' ? 0 : Math.ceil(lu.size / PIECE));
  }

  /** Makes bytes [start, end) before they are read or overwritten for the first time. */
  need(start: number, end: number): void {
    const last = Math.min(this.#made.length, Math.ceil(end / PIECE));
    for (let piece = Math.floor(start / PIECE); piece < last; piece++) {
      if (this.#made[piece] === 1) continue;
      this.#made[piece] = 1;
      this.#make(piece * PIECE, Math.min(this.bytes.length, (piece + 1) * PIECE));
    }
  }

  /** Bytes [start, end), not to be kept. */
  read(start: number, end: number): Uint8Array {
    this.need(start, end);
    return this.bytes.subarray(start, end);
  }

  /** Digests are asked for once: every other image of the volume copies those of the one that all share. */
  #make(from: number, to: number): void {
    const shared = beforeImage(this.#lu);
    if (shared !== this) {
      this.bytes.set(shared.read(from, to), from);
      return;
    }
    for (let at = from; at < to; at += DIGEST) {
      const digest = hash('sha256', `${this.#lu.before}:${at / DIGEST}`, 'buffer');
      this.bytes.set(digest.subarray(0, Math.min(DIGEST, to - at)), at);
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
