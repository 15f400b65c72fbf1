import { Fault } from '../base/fault.ts';
import type { MirrorVerdict, VerifyReport } from '../unit/compare/verifyTypes.ts';
import { plain, sizeWords } from './draw-words.ts';

/** What a unit answered, checked as far as it is used here. Throws a `Fault`. */
export function readVerify(answer: unknown): VerifyReport {
  const report = answer as VerifyReport;
  const sound =
    typeof report === 'object' &&
    report !== null &&
    typeof report.volume === 'string' &&
    typeof report.source === 'string' &&
    typeof report.equal === 'boolean' &&
    Array.isArray(report.mirrors) &&
    report.mirrors.every(isVerdict);
  if (sound) return report;
  throw new Fault('peer', 'the unit answered something else', "use the tapmirror of the unit's own version");
}

/** The number of a job that was begun. Throws a `Fault`. */
export function readBegun(answer: unknown): { id: string } {
  const id = (answer as { id?: unknown } | null)?.id;
  if (typeof id === 'string' && /^\d{1,15}$/.test(id)) return { id };
  throw new Fault('peer', 'the unit answered something else', "use the tapmirror of the unit's own version");
}

function isVerdict(one: unknown): one is MirrorVerdict {
  const verdict = one as MirrorVerdict;
  return (
    typeof verdict === 'object' &&
    verdict !== null &&
    typeof verdict.to === 'string' &&
    [verdict.comparedBytes, verdict.differingBytes, verdict.uncomparedBytes].every(Number.isSafeInteger) &&
    Array.isArray(verdict.differing) &&
    verdict.differing.every((range) => Array.isArray(range) && range.every(Number.isSafeInteger))
  );
}

/** The report for people. */
export function verifyLines({ volume, source, mirrors }: VerifyReport, shown: number): string[] {
  const lines = [`${plain(volume)}, compared with ${plain(source)}`];
  for (const { to, comparedBytes, differing, differingBytes, uncomparedBytes, repairing } of mirrors) {
    const words = [
      differingBytes > 0 ? `${sizeWords(differingBytes)} differ${repairing ? ' and are being repaired' : ''}` : 'equal',
      ...(uncomparedBytes > 0 ? [`${sizeWords(uncomparedBytes)} were never at rest and are not compared`] : []),
    ];
    lines.push(`  ${plain(to)}: ${words.join(', ')} (${sizeWords(comparedBytes)} compared)`);
    for (const [offset, length] of differing.slice(0, shown)) lines.push(`    ${length} bytes at ${offset}`);
    if (differing.length > shown) lines.push('    and more');
  }
  return lines;
}
