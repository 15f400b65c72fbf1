import type { PortReport } from './doctorPorts.ts';

export type FindingLevel = 'ok' | 'warn' | 'fail';

/** One thing that was looked at. No secret is in it. */
export interface Finding {
  /** What kind of thing: `configuration`, `interface`, `volume`, ... */
  check: FindingCheck;
  /** Which one; empty where there is only one. */
  subject: string;
  level: FindingLevel;
  words: string;
  /** What to do about it; there unless the level is `ok`. */
  mend?: string;
}

export const FINDING_CHECKS = [
  'program',
  'configuration',
  'unit',
  'interface',
  'permissions',
  'portal',
  'path',
  'drops',
  'volume',
  'link',
  'space',
  'clock',
  'certificate',
] as const;
export type FindingCheck = (typeof FINDING_CHECKS)[number];

/** What `tapmirror doctor --json` prints. */
export interface DoctorReport {
  version: string;
  /** Of all findings the worst. */
  level: FindingLevel;
  findings: Finding[];
  /** Serial ports. */
  ports: PortReport[];
}

const RANK: readonly FindingLevel[] = ['ok', 'warn', 'fail'];

export function worstOf(findings: readonly Pick<Finding, 'level'>[]): FindingLevel {
  return RANK[findings.reduce((worst, { level }) => Math.max(worst, RANK.indexOf(level)), 0)];
}

/** Makes findings of one kind about one thing. */
export function about(check: FindingCheck, subject = '') {
  return {
    ok: (words: string): Finding => ({ check, subject, level: 'ok', words }),
    warn: (words: string, mend: string): Finding => ({ check, subject, level: 'warn', words, mend }),
    fail: (words: string, mend: string): Finding => ({ check, subject, level: 'fail', words, mend }),
  };
}
