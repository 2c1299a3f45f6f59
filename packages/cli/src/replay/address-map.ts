import { isIp, isMac, parseIp, parseMac } from 'etherconn/wire';
import { ScenarioError } from '../scenario/scenario-error.ts';

/** A network, or an address, and what its first bits become. Both have the same length. */
export interface IpMapping {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  /** Bits that are replaced. */
  readonly mask: Uint8Array;
}

export interface MacMapping {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

export interface VlanMapping {
  readonly from: number;
  readonly to: number;
}

/** '10.0.0.0/24=192.168.7.0/24', 'fd00::1=fd00::2': the bits behind the prefix stay. */
export function parseIpMapping(option: string, text: string): IpMapping {
  const [left, right] = halves(option, text, '10.0.0.0/24=192.168.7.0/24');
  const from = parseNetwork(option, left);
  const to = parseNetwork(option, right);
  if (from.address.length !== to.address.length || from.prefix !== to.prefix)
    throw new ScenarioError(
      option,
      `both sides must be of one IP version, and have the same prefix length, got '${text}'`,
    );
  const mask = Uint8Array.from(from.address, (_, i) => {
    const bits = Math.min(8, Math.max(0, from.prefix - 8 * i));
    return (0xff << (8 - bits)) & 0xff;
  });
  return { from: from.address, to: to.address, mask };
}

export function parseMacMapping(option: string, text: string): MacMapping {
  const [left, right] = halves(option, text, '02:00:00:00:00:01=02:00:00:00:00:02');
  return { from: parseOneMac(option, left), to: parseOneMac(option, right) };
}

export function parseOneMac(option: string, text: string): Uint8Array {
  if (isMac(text)) return parseMac(text);
  throw new ScenarioError(option, `must be a MAC address like 02:00:00:00:00:01, got '${text}'`);
}

/** '100=200', by the outer tag. */
export function parseVlanMapping(option: string, text: string): VlanMapping {
  const [left, right] = halves(option, text, '100=200');
  return { from: parseVlanId(option, left), to: parseVlanId(option, right) };
}

/** Tags, outermost first: '100', '100.200'. */
export function parseVlanTags(option: string, text: string): readonly number[] {
  const ids = text.split('.').map((id) => parseVlanId(option, id));
  if (ids.length <= 2) return ids;
  throw new ScenarioError(option, `must have at most two tags, got '${text}'`);
}

function parseVlanId(option: string, text: string): number {
  const id = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (id >= 1 && id <= 4094) return id;
  throw new ScenarioError(option, `must be a VLAN id from 1 to 4094, got '${text}'`);
}

function parseNetwork(option: string, text: string): { address: Uint8Array; prefix: number } {
  const [address, length] = text.split('/') as [string, string | undefined];
  const version = isIp(address);
  const bits = version === 4 ? 32 : 128;
  const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (version === 0 || prefix < 0 || prefix > bits)
    throw new ScenarioError(option, `must have IP addresses or networks like 10.0.0.0/24, got '${text}'`);
  return { address: parseIp(address), prefix };
}

function halves(option: string, text: string, example: string): [string, string] {
  const parts = text.split('=');
  if (parts.length === 2) return parts as [string, string];
  throw new ScenarioError(option, `must be FROM=TO, like ${example}, got '${text}'`);
}
