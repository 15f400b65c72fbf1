import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CaptureSplitter } from '../../parsers/capture/capture.ts';
import { frameBatch } from '../../src/base/frames.ts';
import type { LuClaim } from '../../src/snoop/lu/directory.ts';
import { captureFolder } from '../repository.ts';
import { follow } from './follow.ts';
import { type Layers, layersOf, put16, put32 } from './wire.ts';

/** A PDU header that lies whole in one frame. */
export interface SeenPdu {
  frame: number;
  /** Offset of the header from the frame's first byte. */
  at: number;
  opcode: number;
  itt: number;
}

/** A run of frames of a real capture, with what the mutations need to know of it. */
export interface Window {
  name: string;
  /** The frames' bytes one after the other, and behind them room for changed ones. */
  arena: Uint8Array;
  scratch: number;
  count: number;
  offset: Uint32Array;
  length: Uint32Array;
  seconds: Float64Array;
  nanos: Uint32Array;
  link: number;
  layers: (Layers | undefined)[];
  pdus: SeenPdu[];
  claims: LuClaim[];
  /** Bytes, where all its LUs have the same; else 0. */
  blockSize: number;
  /** The whole window as a pcap file. */
  file: Uint8Array;
  /** Begins with the SYN of its only connection. */
  fromStart: boolean;
  /** What a run over all its frames gives is the truth. */
  truth: boolean;
  /** Frames that must stay for a loss to be a loss: the SYNs; and the first with payload of each direction. */
  syns: Set<number>;
  first: Set<number>;
  /** First frame of the last request that was answered: what is lost before it shows in what follows. */
  tail: number;
  /** TCP checksums are right wherever there is payload. */
  checksums: boolean;
}

export const SCRATCH = 1 << 19;

interface Cut {
  capture: string;
  /** First frame, and frames. */
  from: number;
  count: number;
  digests?: { header: boolean; data: boolean };
  /** The capture shows no gaps: a run over it is the truth. */
  truth?: boolean;
}

/** Small windows, so that a case costs little: with the login, amid data, with digests, R2T, management, several LUs. */
const CUTS: Cut[] = [
  { capture: 'd24-veth-base', from: 0, count: 110, truth: true },
  { capture: 'd24-veth-base', from: 0, count: 200, truth: true },
  { capture: 'd24-veth-base', from: 150, count: 60 },
  { capture: 'd04-lo-cu-writes', from: 0, count: 100 },
  { capture: 'd04-lo-cu-writes', from: 300, count: 60 },
  { capture: 'd10-lo-chap', from: 0, count: 50, truth: true },
  { capture: 'd14-lo6-ipv6', from: 0, count: 40 },
  { capture: 'd17-any-sll', from: 0, count: 50 },
  { capture: 'd16-veth-discovery', from: 0, count: 60 },
  { capture: 'd02-veth-qemuio-rand', from: 0, count: 120, truth: true },
  { capture: 'd03-veth-ext4', from: 0, count: 160, truth: true },
  { capture: 'd05-veth-cu-same-unmap', from: 0, count: 160 },
  { capture: 'd05-veth-cu-same-unmap', from: 1000, count: 80 },
  { capture: 'd06-veth-hdigest', from: 0, count: 160, digests: { header: true, data: false }, truth: true },
  { capture: 'd07-veth-hddigest-4k', from: 0, count: 160, digests: { header: true, data: true } },
  { capture: 'd08-veth-r2t', from: 0, count: 190, truth: true },
  { capture: 'd08-veth-r2t', from: 400, count: 80 },
  { capture: 'd09-veth-unsolicited', from: 0, count: 250, truth: true },
  { capture: 'd11-veth-two-initiators', from: 0, count: 100 },
  { capture: 'd12-lo-two-luns-two-targets', from: 0, count: 80 },
  { capture: 'd13-lo-tmf', from: 0, count: 80 },
  { capture: 'd13-lo-tmf', from: 200, count: 60 },
  { capture: 'd15-veth-midsession', from: 0, count: 80 },
  { capture: 'd18-tbf-retransmit', from: 0, count: 120 },
  { capture: 'd19-tbf-holes', from: 0, count: 120 },
  { capture: 'd20-veth-conndrop', from: 0, count: 120 },
  { capture: 'd22-veth-istgt-caw', from: 0, count: 140 },
  { capture: 'd22-veth-istgt-caw', from: 500, count: 80 },
  { capture: 'd23-veth-istgt-r2t', from: 0, count: 200, truth: true },
];

interface Sidecar {
  portal?: string;
  login_seen?: boolean;
  luns?: { target: string; lun: number; size: number; block_size: number }[];
}

/** The windows that the captures at hand give, in a fixed order. */
export function windows(): Window[] {
  const folder = captureFolder();
  return CUTS.filter(({ capture }) => existsSync(join(folder, `${capture}.pcap`))).map((cut) => cutOut(folder, cut));
}

function cutOut(folder: string, cut: Cut): Window {
  const file = readFileSync(join(folder, `${cut.capture}.pcap`));
  const side = JSON.parse(readFileSync(join(folder, `${cut.capture}.json`), 'utf8')) as Sidecar;
  const batch = frameBatch(file, cut.from + cut.count);
  new CaptureSplitter().split(file, 0, file.length, batch);
  const count = Math.max(0, batch.count - cut.from);
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes += batch.captured[cut.from + i];
  const arena = new Uint8Array(bytes + SCRATCH);
  const w: Window = {
    name: `${cut.capture}+${cut.from}`,
    arena,
    scratch: bytes,
    count,
    offset: new Uint32Array(count),
    length: batch.captured.slice(cut.from, cut.from + count),
    seconds: batch.seconds.slice(cut.from, cut.from + count),
    nanos: batch.nanos.slice(cut.from, cut.from + count),
    link: batch.link[cut.from],
    layers: [],
    pdus: [],
    claims: claimsOf(side),
    blockSize: side.luns?.every((lun) => lun.block_size === side.luns?.[0].block_size) ? side.luns[0].block_size : 0,
    file: new Uint8Array(0),
    fromStart: false,
    truth: false,
    syns: new Set(),
    first: new Set(),
    tail: 0,
    checksums: true,
  };
  let at = 0;
  for (let i = 0; i < count; i++) {
    const from = batch.offset[cut.from + i];
    arena.set(file.subarray(from, from + w.length[i]), at);
    w.offset[i] = at;
    w.layers.push(w.link === 1 ? layersOf(arena, at, w.length[i]) : undefined);
    at += w.length[i];
  }
  w.file = pcapOf(w);
  follow(w, cut.digests ?? { header: false, data: false });
  w.truth = cut.truth === true && w.fromStart && w.tail > 10;
  return w;
}

function claimsOf(side: Sidecar): LuClaim[] {
  return (side.luns ?? []).map(({ target, lun }) => ({
    lu: side.login_seen === false && side.portal ? `${side.portal}/${lun}` : `${target}/${lun}`,
    portals: side.portal ? [side.portal] : [],
  }));
}

/** The window as a pcap file, big-endian with microseconds. */
function pcapOf(w: Window): Uint8Array {
  let size = 24;
  for (let i = 0; i < w.count; i++) size += 16 + w.length[i];
  const out = new Uint8Array(size);
  put32(out, 0, 0xa1b2c3d4);
  put16(out, 4, 2);
  put16(out, 6, 4);
  put32(out, 16, 262144);
  put32(out, 20, w.link);
  let at = 24;
  for (let i = 0; i < w.count; i++) {
    put32(out, at, w.seconds[i]);
    put32(out, at + 4, Math.floor(w.nanos[i] / 1000));
    put32(out, at + 8, w.length[i]);
    put32(out, at + 12, w.length[i]);
    out.set(w.arena.subarray(w.offset[i], w.offset[i] + w.length[i]), at + 16);
    at += 16 + w.length[i];
  }
  return out;
}
