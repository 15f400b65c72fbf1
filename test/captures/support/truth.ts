import assert from 'node:assert/strict';
import { Extents } from '../../../src/base/extents.ts';
import { type Outcome, play, type Shadow } from './play.ts';
import { baseOf, beforeImage, captureFrames, Image, type LuTruth, sha256, sidecar } from './sidecar.ts';

const CHUNK = 65536;

/** What a volume held in the end, as far as it is known byte for byte. */
export interface Truth {
  lu: LuTruth;
  /** Absent where the wire alone does not determine it: then the sidecar's chunk digests are all there is. */
  image: Image | undefined;
  /** Byte ranges where it differs from the image before. */
  changed: Extents;
}

const truths = new Map<string, Truth[]>();

/** The truth of capture `name` (of the one that it was derived from), proved by the target's own digest. */
export function truthOf(name: string): Truth[] {
  const base = baseOf(name);
  let known = truths.get(base);
  if (known === undefined) {
    known = play(base, captureFrames(base), ({ shadows }) => shadows.map(proved));
    truths.set(base, known);
  }
  return known;
}

/** Holds every chunk that was written, or that the sidecar lists, against the target's own digest of it. */
function proved(shadow: Shadow): Truth {
  const { truth: lu, image } = shadow;
  const after = new Map(lu.changed_64k_chunks);
  const before = beforeImage(lu);
  const changed = new Extents();
  let differs = false;
  for (let at = 0; at < lu.size; at += CHUNK) {
    const end = Math.min(at + CHUNK, lu.size);
    const want = after.get(at / CHUNK);
    if (want === undefined && !shadow.touched.intersects(at, end)) continue;
    const [is, was] = [image.read(at, end), before.read(at, end)];
    if (want === undefined ? Buffer.compare(is, was) !== 0 : sha(is) !== want) differs = true;
    for (let s = at; s < end; s += lu.block_size) {
      const e = s + lu.block_size;
      if (Buffer.compare(is.subarray(s - at, e - at), was.subarray(s - at, e - at)) !== 0) changed.add(s, e);
    }
    if (want !== undefined) changed.add(at, end);
  }
  if (differs) return { lu, image: undefined, changed };
  const copy = new Image(lu);
  changed.forEachIn(0, lu.size, (s, e) => {
    // What is made now is not made again over what is put there.
    copy.need(s, e);
    copy.bytes.set(image.bytes.subarray(s, e), s);
  });
  return { lu, image: copy, changed };
}

function sha(bytes: Uint8Array): string {
  return sha256(bytes).slice(0, 16);
}

/**
 * Byte ranges of the mirror that differ from the truth although they are not called unresolved. By blocks where the truth
 * is known byte for byte, else by 64 KiB chunks without any unresolved block.
 */
export function wrong(shadow: Shadow, truth: Truth): [number, number][] {
  const suspects = truth.changed.clone();
  shadow.touched.forEachIn(0, truth.lu.size, (s, e) => suspects.add(s, e));
  const bad = new Extents();
  const { image } = truth;
  const before = beforeImage(truth.lu);
  const { block_size: block, size } = truth.lu;
  if (image === undefined) {
    const after = new Map(truth.lu.changed_64k_chunks);
    for (let at = 0; at < size; at += CHUNK) {
      const end = Math.min(at + CHUNK, size);
      if (!suspects.intersects(at, end) || shadow.unresolved.intersects(at, end)) continue;
      const want = after.get(at / CHUNK) ?? sha(before.read(at, end));
      if (sha(shadow.image.read(at, end)) !== want) bad.add(at, end);
    }
    return bad.toRanges();
  }
  suspects.forEachIn(0, size, (from, to) => {
    shadow.unresolved.gaps(Math.floor(from / block) * block, Math.ceil(to / block) * block, (s, e) => {
      const [is, want] = [shadow.image.read(s, e), image.read(s, e)];
      if (Buffer.compare(is, want) === 0) return;
      for (let at = 0; at < e - s; at += block) {
        if (Buffer.compare(is.subarray(at, at + block), want.subarray(at, at + block)) !== 0)
          bad.add(s + at, s + at + block);
      }
    });
  });
  return bad.toRanges();
}

/** Never a wrong block that is not called unresolved; reading those back from the truth makes the mirror equal. */
export function assertHonest(name: string, outcome: Outcome, what: string): void {
  const truth = truthOf(name);
  outcome.shadows.forEach((shadow, n) => {
    const bad = wrong(shadow, truth[n]);
    assert.deepEqual(
      bad.map(([s, length]) => [s / truth[n].lu.block_size, length / truth[n].lu.block_size]),
      [],
      `${name}, ${what}: blocks of ${shadow.lu} [lbn, count] differ from the volume and are not called unresolved`,
    );
  });
}

/** Nothing is unresolved, and the mirror is the volume. */
export function assertEqual(name: string, outcome: Outcome, what: string): void {
  outcome.shadows.forEach((shadow) => {
    const { block_size } = shadow.truth;
    const blocks = shadow.unresolved.toRanges().map(([s, n]) => [s / block_size, n / block_size]);
    assert.deepEqual(blocks, [], `${name}, ${what}: ${shadow.lu}: unresolved (${[...shadow.doubts].join(', ')})`);
  });
  assertHonest(name, outcome, what);
}

/** True where the wire alone determines the volumes of the capture. */
export function determined(name: string): boolean {
  const side = sidecar(baseOf(name));
  return side.ambiguous !== true && !side.oracle?.in_doubt_writes && side.login_seen !== false;
}
