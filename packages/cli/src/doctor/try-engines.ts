import type { XdpMode } from 'etherconn';
import type { Finding } from './finding.ts';

const MODES: readonly {
  readonly mode: Exclude<XdpMode, 'auto'>;
  readonly name: string;
  readonly detail: string;
}[] = [
  { mode: 'zerocopy', name: 'AF_XDP zero-copy', detail: 'the driver uses our memory itself' },
  { mode: 'native', name: 'AF_XDP native', detail: 'the driver copies frames into our memory' },
  { mode: 'generic', name: 'AF_XDP generic', detail: 'the kernel copies frames into our memory' },
];

/** Opens an interface in every way there is, and closes it again. */
export async function tryEngines(ifname: string, hasProgram: boolean): Promise<Finding[]> {
  const { RawSocketRelay, XDPRelay } = await import('etherconn');
  const packet = await attempt('AF_PACKET', 'opens on it', () => RawSocketRelay.open(ifname));
  const xdp: Finding[] = [];
  for (const { mode, name, detail } of MODES)
    xdp.push(
      hasProgram
        ? { name, state: 'unknown', detail: 'not tried: another XDP program is attached' }
        : await attempt(name, detail, () => XDPRelay.open(ifname, { mode })),
    );
  if ([packet, ...xdp].some(({ state }) => state === 'ok')) return [packet, ...xdp];
  return [{ ...packet, prevents: true }, ...xdp];
}

async function attempt(
  name: string,
  detail: string,
  open: () => Promise<{ close(): Promise<void> }>,
): Promise<Finding> {
  try {
    await (await open()).close();
    return { name, state: 'ok', detail };
  } catch (error) {
    return { name, state: 'missing', detail: (error as Error).message };
  }
}
