import { normalPortal } from '../../base/address.ts';
import type { LuId } from '../../base/change.ts';
import { Lu } from './lu.ts';

/** What the configuration says of a volume (requirement A9). */
export interface LuClaim {
  lu: LuId;
  portals?: readonly string[];
  blockSize?: number;
  blocks?: number;
}

/** LUs remembered beyond the configured ones; a hostile capture may name any number. */
const LUS_MAX = 65536;
const NONE: readonly Lu[] = [];

/** Finds the LU that a session's LUN means, across portals and sessions. */
export class LuDirectory {
  readonly claimed: Lu[] = [];
  private readonly claims: { claim: LuClaim; lu: Lu; portals: Set<string> }[] = [];
  private readonly byName = new Map<string, Lu>();
  private readonly byIdentity = new Map<string, Lu>();

  constructor(claims: readonly LuClaim[] = []) {
    for (const claim of claims) {
      const lu = new Lu(claim.lu, lunOf(claim.lu));
      lu.configured = true;
      lu.blockSize = claim.blockSize ?? 0;
      lu.blockSizeGiven = claim.blockSize !== undefined;
      lu.blocks = claim.blocks ?? 0;
      this.claimed.push(lu);
      const portals = new Set((claim.portals ?? []).map((p) => normalPortal(p) ?? p));
      this.claims.push({ claim, lu, portals });
      this.byName.set(canonical(claim.lu), lu);
    }
  }

  /** Every LU seen or configured. */
  all(): Lu[] {
    return [...new Set([...this.claimed, ...this.byName.values()])];
  }

  /** Those but for `lu` where writes are open: few, however many LUs are known. */
  busyBeside(lu: Lu): Iterable<Lu> {
    let busy: Set<Lu> | undefined;
    const see = (one: Lu): void => {
      if (one === lu || one.open.length === 0) return;
      busy ??= new Set();
      busy.add(one);
    };
    for (const one of this.claimed) see(one);
    for (const one of this.byName.values()) see(one);
    return busy ?? NONE;
  }

  /** The LU `lun` of a session whose login was seen (`target` set) or not. */
  find(target: string | undefined, portal: string, lun: number): Lu {
    const portalName = `${portal}/${lunText(lun)}`;
    if (target === undefined) return this.byName.get(portalName) ?? this.byPortal(portal, lun, portalName);
    const name = `${target}/${lunText(lun)}`;
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const claimedByPortal = this.claims.find((c) => canonical(c.claim.lu) === portalName);
    const lu = claimedByPortal?.lu ?? new Lu(name, lun);
    lu.target ||= target;
    return this.remember(name, lu);
  }

  /**
   * VPD 83h told who `lu` is. Names of the same LU become one: a configured one if there is any; two configured ones stay
   * two and learn of each other. Returns the LU that it is, and those that turned out to be other names of it.
   */
  identify(lu: Lu, identities: readonly string[]): { lu: Lu; merged: Lu[] } {
    let kept = lu;
    const merged: Lu[] = [];
    for (const identity of identities) {
      const other = this.byIdentity.get(identity)?.root;
      if (other === undefined || other === kept) continue;
      if (other.configured && kept.configured) {
        if (kept.twins?.includes(other)) continue;
        kept.twins = [...(kept.twins ?? []), other];
        other.twins = [...(other.twins ?? []), kept];
      } else if (other.configured || !kept.configured) {
        this.merge(kept, other);
        merged.push(kept);
        kept = other;
      } else {
        this.merge(other, kept);
        merged.push(other);
      }
    }
    for (const identity of identities) {
      const other = this.byIdentity.get(identity);
      if (other === undefined ? this.byIdentity.size < LUS_MAX : other.root === kept)
        this.byIdentity.set(identity, kept);
    }
    return { lu: kept, merged };
  }

  private merge(from: Lu, to: Lu): void {
    from.alias = to;
    for (const [name, known] of this.byName) if (known === from) this.byName.set(name, to);
    to.adopt(from);
  }

  /** Configured LUs that commands of a session to `target` (undefined: its login was not seen) at `portal` may mean. */
  ofTarget(target: string | undefined, portal: string): Lu[] {
    const mine = this.claims.filter(({ claim, portals }) => {
      const owner = canonical(claim.lu).slice(0, canonical(claim.lu).lastIndexOf('/'));
      if (owner === portal || owner === target) return true;
      if (target !== undefined) return false;
      return portals.size === 0 || portals.has(portal);
    });
    return mine.map((c) => c.lu);
  }

  byDesignator(identity: string): Lu | undefined {
    return this.byIdentity.get(identity)?.root;
  }

  private byPortal(portal: string, lun: number, name: string): Lu {
    const sameLun = this.claims.filter((c) => c.lu.lun === lun);
    const withPortal = sameLun.filter((c) => c.portals.has(portal));
    if (withPortal.length === 1) return this.remember(name, withPortal[0].lu);
    const lu = new Lu(name, lun);
    const couldBe = sameLun.filter((c) => c.portals.size === 0 || c.portals.has(portal)).map((c) => c.lu);
    if (couldBe.length > 0) lu.candidates = couldBe;
    return this.remember(name, lu);
  }

  private remember(name: string, lu: Lu): Lu {
    if (this.byName.size < LUS_MAX) this.byName.set(name, lu);
    return lu;
  }
}

/** LUN 1 is `1`; those beyond two bytes are written in hexadecimal (SAM-5 section 4.6). */
export function lunText(lun: number): string {
  return lun < 0x10000 ? String(lun) : `0x${lun.toString(16)}`;
}

function lunOf(lu: LuId): number {
  return Number(lu.slice(lu.lastIndexOf('/') + 1));
}

function canonical(lu: LuId): string {
  const cut = lu.lastIndexOf('/');
  const portal = normalPortal(lu.slice(0, cut));
  return portal === undefined ? lu : `${portal}/${lunText(lunOf(lu))}`;
}
