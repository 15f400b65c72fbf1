import { without } from './derive.ts';
import { play } from './play.ts';
import { captureFrames, captureNames, sidecar } from './sidecar.ts';
import { truthOf, wrong } from './truth.ts';
import { blocksOf, mapWire, pduName } from './wire.ts';

const [name = 'd24-veth-base', step = '1', offset = '0'] = process.argv.slice(2);
if (name === 'all') {
  for (const n of captureNames((s) => !!s.luns && s.luns.length > 0)) {
    const t0 = performance.now();
    const t = truthOf(n);
    const t1 = performance.now();
    play(n, captureFrames(n), (o) => {
      console.log(n, 'proved', t.map((x) => x.image !== undefined), 'unresolved', o.shadows.map((s) => s.unresolvedBlocks), 'wrong', o.shadows.map((s, i) => wrong(s, t[i]).length), 'doubts', o.shadows.flatMap((s) => [...s.doubts]), (t1 - t0).toFixed(0), (performance.now() - t1).toFixed(0), 'ms');
    });
  }
  process.exit();
}
const frames = captureFrames(name);
const uses = mapWire(frames);
const truth = truthOf(name);
const side = sidecar(name);
const rows = new Map<string, { n: number; wide: number; worst: number; whole: number; max: number; tasks: number; ex: string }>();
let bad = 0;
const t0 = performance.now();
for (let i = Number(offset); i < frames.length; i += Number(step)) {
  play(name, without(frames, i), (o) => {
    o.shadows.forEach((s, n) => {
      const w = wrong(s, truth[n]);
      const use = uses[i];
      const l = side.luns![n];
      const own = blocksOf(use.pdus, l.target, l.lun);
      const kinds = [...new Set(use.pdus.map(pduName))].join(', ') || `${use.kind} ${use.toTarget ? '>' : '<'}`;
      const key = kinds;
      const row = rows.get(key) ?? { n: 0, wide: 0, worst: 0, whole: 0, max: 0, tasks: 0, ex: '' };
      rows.set(key, row);
      row.n++;
      let beyond = 0;
      const bs = l.block_size;
      s.unresolved.forEachIn(0, l.size, (a, b) => own.gaps(a / bs, b / bs, (x, y) => { beyond += y - x; }));
      if (w.length > 0) { bad++; console.log('WRONG', i + 1, kinds, w.slice(0, 3), o.notices); }
      if (s.whole) { row.whole++; row.ex += ` ${i + 1}`; }
      else if (beyond > 0) { row.wide++; row.worst = Math.max(row.worst, beyond); row.ex += ` (${i + 1}:${beyond})`; }
      if (!s.whole && s.unresolvedBlocks > row.max) { row.max = s.unresolvedBlocks; row.tasks = own.total; }
    });
  });
}
console.log(name, ((performance.now() - t0) / (frames.length / Number(step))).toFixed(1), 'ms each; wrong', bad);
for (const [k, r] of [...rows].sort()) console.log(`${k}: n=${r.n} whole=${r.whole} wide=${r.wide} worst+${r.worst} max=${r.max}/${r.tasks} ${r.ex.slice(0, 150)}`);
