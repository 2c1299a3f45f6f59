import { OptionError } from '../errors.ts';
import { EtherType } from '../wire/ethertype.ts';
import { checkVlans, type Vlan } from '../wire/vlan.ts';

const NO_VLANS: readonly Vlan[] = Object.freeze([]);

/**
 * The tags of the option `vlans`; throws an OptionError when they are none, or more than two. A copy: what the caller does
 * to his option later concerns no header.
 */
export function toVlans(vlans: readonly (number | Vlan)[] | undefined): readonly Vlan[] {
  if (vlans === undefined || (Array.isArray(vlans) && vlans.length === 0)) return NO_VLANS;
  const checked = checkVlans('vlans', Array.isArray(vlans) ? vlans.map(toVlan) : vlans);
  if (checked.length > 2)
    throw new OptionError('vlans', `at most two tags make an endpoint, got ${checked.length}`);
  return Object.freeze(checked);
}

/** The TPID of the outermost of these tags; 0 for none. */
export function outerType(vlans: readonly Vlan[]): number {
  return vlans.length === 0 ? 0 : (vlans[0].tpid ?? EtherType.VLAN);
}

function toVlan(vlan: number | Vlan): Vlan {
  if (typeof vlan === 'number') return Object.freeze({ id: vlan });
  // What is no object is left to the check.
  return typeof vlan === 'object' && vlan !== null ? Object.freeze({ ...vlan }) : vlan;
}
