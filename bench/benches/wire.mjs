import { fileURLToPath } from 'node:url';
import { Child } from '../lib/child.mjs';
import { measure } from '../lib/run.mjs';

const CHILD = fileURLToPath(new URL('../children/wire.mjs', import.meta.url));

/** What is measured, by the names that the child gives it. */
const CASES = {
  'parse Ethernet, IPv4, UDP': 'parseUdp',
  'parse Ethernet, VLAN tag, IPv4, UDP': 'parseVlan',
  'parse Ethernet, IPv6, UDP': 'parseIpv6',
  'build the same by layers, with checksums (64-byte frame)': 'build',
  'sum of 64 bytes, by bytes': 'sum64',
  'sum of 64 bytes, by words': 'sumWords64',
  'sum of 512 bytes, by bytes': 'sum512',
  'sum of 512 bytes, by words': 'sumWords512',
  'sum of 1400 bytes, by bytes': 'sum1400',
  'sum of 1400 bytes, by words': 'sumWords1400',
  'look-up, 1 endpoint': 'lookUp1',
  'random look-up among 1,000 endpoints': 'lookUp1000',
  'random look-up among 10,000 endpoints': 'lookUp10000',
  'random look-up among 100,000 endpoints': 'lookUp100000',
};

export const title = 'Wire: parsing, building, checksums, look-ups; no kernel';

/** @param {import('../lib/context.mjs').Context} context */
export async function run(context) {
  const { cores, quick } = context;
  const milliseconds = quick ? 30 : 60;
  /** One child measures them all, for each repetition. @type {Promise<Record<string, number>>[]} */
  const results = [];
  const start = () =>
    new Child([process.execPath, CHILD, JSON.stringify({ milliseconds })], { core: cores.a }).result();
  const cases = Object.entries(CASES).map(([name, key]) => {
    let repetition = 0;
    return {
      name,
      run: async () => {
        const at = repetition++;
        results[at] ??= start();
        return (await results[at])[key];
      },
    };
  });
  const bounds = [{ of: 'random look-up among 100,000 endpoints', atMost: 120 }];
  return [await measure({ title, unit: 'ns', cases, bounds }, context)];
}
