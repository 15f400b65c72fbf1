import type { SignalNames, SignalRole } from '../../src/base/samples.ts';
import { DATA_LINE, LINES, lineName, PARITY_LINE, ROLE_LINE } from './lines.ts';
import { usualName } from './signalNames.ts';
import type { VcdVariable } from './vcdHeader.ts';

/** A variable that carries lines of the bus: its lowest bit is `line`, or its highest where it is `reversed`. */
export interface VcdSignal {
  id: number;
  line: number;
  width: number;
  reversed: boolean;
}

/** Which variables carry the bus. */
export interface VcdPlan {
  signals: readonly VcdSignal[];
  width: 8 | 16;
  parity: boolean;
  /** Lines that are sampled, and those of them that are active low, as words of lines. */
  present: number;
  low: number;
  notices: readonly string[];
}

/** Why a trace's signals cannot be used, and what to do about it. */
export interface SignalFault {
  reason: string;
  mend: string;
}

interface Claim extends VcdSignal {
  low: boolean;
  name: string;
}

/** Names told to the operator when something is missing. */
const NAMES_MAX = 24;
const CLAIMS_MAX = 1024;
/** What a trace may do without: a probe of sixteen channels has no room for them. */
const SPARE: readonly SignalRole[] = ['ATN', 'RST'];

/** Finds the lines of the bus among the variables of a VCD, by the configured names and else by the usual ones. */
export class SignalFinder {
  private readonly names: SignalNames;
  private readonly claims: Claim[] = [];
  private readonly seen: string[] = [];
  private count = 0;

  constructor(names: SignalNames) {
    this.names = names;
  }

  offer(variable: VcdVariable): void {
    if (this.count++ < NAMES_MAX) this.seen.push(printable(variable.path.at(-1) ?? ''));
    if (variable.width < 1 || variable.type === 'string' || variable.type === 'real') return;
    const claim = this.configured(variable) ?? this.usual(variable);
    if (claim !== undefined && this.claims.length < CLAIMS_MAX) this.claims.push(claim);
  }

  private configured(variable: VcdVariable): Claim | undefined {
    for (const role of Object.keys(this.names) as SignalRole[]) {
      const spec = this.names[role];
      if (spec === undefined) continue;
      const list = typeof spec.name === 'string' ? [spec.name] : spec.name;
      const at = list.findIndex((name) => isNamed(variable, name));
      if (at >= 0)
        return claimOf(variable, role, typeof spec.name === 'string' ? undefined : at, spec.active === 'low');
    }
    return undefined;
  }

  private usual(variable: VcdVariable): Claim | undefined {
    const usual = usualName(variable.path.at(-1) ?? '');
    if (usual === undefined || this.names[usual.role] !== undefined) return undefined;
    if (usual.role !== 'DB' && variable.width > 1) return undefined;
    return claimOf(variable, usual.role, usual.line, usual.low);
  }

  /** What was found, once all variables were offered. */
  plan(): VcdPlan | SignalFault {
    const owner: (Claim | undefined)[] = new Array(LINES).fill(undefined);
    for (const claim of this.claims) {
      for (let line = claim.line; line < claim.line + claim.width; line++) {
        const other = owner[line];
        if (other === undefined) owner[line] = claim;
        else if (!isSame(other, claim)) return twice(line, other, claim);
      }
    }
    return this.missing(owner) ?? this.shared(owner) ?? planOf(owner);
  }

  private missing(owner: readonly (Claim | undefined)[]): SignalFault | undefined {
    const lost: string[] = [];
    for (const [role, line] of Object.entries(ROLE_LINE)) {
      if (line < DATA_LINE && owner[line] === undefined && !SPARE.includes(role as SignalRole)) lost.push(role);
    }
    const data = owner.slice(DATA_LINE, PARITY_LINE);
    const wanted = data.slice(8).some((claim) => claim !== undefined) ? 16 : 8;
    if (data.every((claim) => claim === undefined)) lost.push('DB');
    else for (let n = 0; n < wanted; n++) if (data[n] === undefined) lost.push(`DB(${n})`);
    for (const role of Object.keys(this.names) as SignalRole[]) {
      // A name that was configured and is not there is a slip, also where the trace could do without the line.
      if (owner[ROLE_LINE[role]] === undefined && !lost.includes(role) && role !== 'DB') lost.push(role);
    }
    if (lost.length === 0) return undefined;
    const more = this.count > NAMES_MAX ? ` and ${this.count - NAMES_MAX} more` : '';
    return {
      reason: `no signal is ${lost.join(', ')}; it has ${this.seen.join(', ')}${more}`,
      mend: 'name the signals in the configuration, such as source.signals: {"BSY": {"name": "nBSY", "active": "low"}, "DB": {"name": ["D0", ... "D7"], "active": "low"}}',
    };
  }

  private shared(owner: readonly (Claim | undefined)[]): SignalFault | undefined {
    const lineOf = new Map<number, Claim>();
    for (const claim of owner) {
      if (claim === undefined) continue;
      if (claim.id < 0) return { reason: `${claim.name} has an identifier code of more than 8 characters`, mend: MEND };
      const other = lineOf.get(claim.id) ?? claim;
      if (other.line !== claim.line || other.width !== claim.width) {
        const both = `${lineName(other.line)} and ${lineName(claim.line)}`;
        return { reason: `${both} are one signal (${claim.name})`, mend: MEND };
      }
      lineOf.set(claim.id, claim);
    }
    return undefined;
  }
}

const MEND = 'export the trace anew, or name its signals in the configuration (source.signals)';

function printable(name: string): string {
  return name.replace(/[^ -~]/g, '?').slice(0, 40);
}

/** Whether a configured name means this variable: its own name, with its range or without, or with scopes before it. */
function isNamed({ path, range }: VcdVariable, name: string): boolean {
  const own = path.at(-1) ?? '';
  const wanted = name.trim();
  if (wanted === own || `.${path.join('.')}`.endsWith(`.${wanted}`)) return true;
  if (range === undefined) return false;
  const index = range[0] === range[1] ? `${range[0]}` : `${range[0]}:${range[1]}`;
  return wanted.replace(/\s/g, '') === `${own}[${index}]`.replace(/\s/g, '');
}

function claimOf(
  variable: VcdVariable,
  role: SignalRole,
  element: number | undefined,
  low: boolean,
): Claim | undefined {
  const { id, width, range } = variable;
  const name = printable(variable.path.join('.'));
  const line = ROLE_LINE[role];
  const scalar = { id, width: 1, reversed: false, low, name };
  if (role !== 'DB') return width === 1 ? { ...scalar, line } : undefined;
  if (width === 1) {
    const bit = element ?? range?.[1];
    return bit !== undefined && bit < 16 ? { ...scalar, line: line + bit } : undefined;
  }
  if (width !== 8 && width !== 16) return undefined;
  const reversed = range !== undefined && range[0] < range[1];
  // Half of a wide bus: [15:8].
  const base = width === 8 && range !== undefined && Math.min(...range) === 8 ? 8 : 0;
  return { id, width, reversed, low, name, line: line + base };
}

function isSame(a: Claim, b: Claim): boolean {
  return a.id === b.id && a.line === b.line && a.low === b.low;
}

function twice(line: number, a: Claim, b: Claim): SignalFault {
  return {
    reason: `${lineName(line)} may be ${a.name} or ${b.name}`,
    mend: 'name the right one in the configuration (source.signals), with its scopes where both have one name: "top.bus.BSY"',
  };
}

function planOf(owner: readonly (Claim | undefined)[]): VcdPlan {
  let present = 0;
  let low = 0;
  for (let line = 0; line < LINES; line++) {
    const claim = owner[line];
    if (claim === undefined) continue;
    present |= 1 << line;
    if (claim.low) low |= 1 << line;
  }
  const has = (line: number): boolean => (present & (1 << line)) !== 0;
  const width = has(DATA_LINE + 8) ? 16 : 8;
  const parity = has(PARITY_LINE) && (width === 8 || has(PARITY_LINE + 1));
  const notices: string[] = [];
  const without = SPARE.filter((role) => !has(ROLE_LINE[role]));
  if (without.length > 0) {
    notices.push(`the trace has no ${without.join(' and no ')}: it is taken as never asserted`);
  }
  if (!parity && (has(PARITY_LINE) || has(PARITY_LINE + 1))) {
    notices.push('the trace has one parity line of two: parity is not checked');
    present &= ~(3 << PARITY_LINE);
  }
  if (!has(PARITY_LINE)) present &= ~(3 << PARITY_LINE);
  if (width === 8) present &= ~(1 << (PARITY_LINE + 1));
  low &= present;
  const signals = [...new Set(owner.filter((claim, line) => claim !== undefined && has(line)) as Claim[])];
  return { signals, width, parity, present, low, notices };
}

export function isSignalFault(plan: VcdPlan | SignalFault): plan is SignalFault {
  return 'reason' in plan;
}
