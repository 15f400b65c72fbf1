import { without } from './derive.ts';
import { play } from './play.ts';
import { captureFrames } from './sidecar.ts';
import { mapWire, pduName } from './wire.ts';
const [name, ...list] = process.argv.slice(2);
const frames = captureFrames(name);
const uses = mapWire(frames);
for (const f of list.map(Number)) {
  const u = uses[f - 1];
  console.log(f, u.kind, u.toTarget ? '>' : '<', u.pdus.map((p) => `${pduName(p)} ${p.itt.toString(16)} [${p.from},${p.headerEnd},${p.to}) frames ${[...p.frames].map((x) => x + 1)}`));
  play(name, without(frames, f - 1), (o) => console.log('  ', o.shadows.map((s) => [s.unresolvedBlocks, [...s.doubts]]), o.notices, o.holes));
}
