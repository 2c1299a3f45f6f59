import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { type Features, parseFeatures } from '../system/features.ts';
import { type AttachedFacts, type LinkFacts, programsOf, readLinks, XDP_MODES } from '../system/links.ts';
import { runTool } from '../system/tools.ts';
import type { Finding } from './finding.ts';
import { tryEngines } from './try-engines.ts';

/** Queues that a link takes. */
const QUEUES_MAX = 64;
/** Neighbours that a kernel knows by default. */
const NEIGHBOURS_FEW = 1024;
const NEIGHBOURS_MANY = [4096, 16_384, 32_768] as const;

/** Looks at an interface of this network namespace, and opens it in every way if `isTried`. */
export async function examineInterface(name: string, isTried: boolean): Promise<Finding[]> {
  let links: readonly LinkFacts[];
  try {
    links = await readLinks();
  } catch (error) {
    return [
      {
        name: 'interface',
        state: 'unknown',
        detail: (error as Error).message,
        advice: 'the interface is examined with ip; on Debian: apt install iproute2',
        prevents: true,
      },
    ];
  }
  const facts = links.find(({ ifname }) => ifname === name);
  if (facts === undefined) {
    const names = links.map(({ ifname }) => ifname).join(', ');
    const advice = `here are ${names}; --netns examines another network namespace`;
    return [{ name: 'interface', state: 'missing', detail: `there is no '${name}'`, advice, prevents: true }];
  }
  const isVeth = facts.linkinfo?.info_kind === 'veth';
  const peer = isVeth
    ? links.find(({ ifname }) => ifname === facts.link && facts.link_netnsid === undefined)
    : undefined;
  const programs = programsOf(facts);
  const findings: Finding[] = [linkFinding(facts), ...carrierFinding(facts, peer, isVeth)];
  if (programs.length > 0) findings.push(...programs.map((program) => programFinding(facts, program)));
  if (isTried) findings.push(...(await tryEngines(name, programs.length > 0)));
  findings.push(await queueFinding(facts));
  findings.push(...(await offloadFindings(facts, isVeth, peer)));
  if (isVeth) findings.push(await redirectFinding(facts, peer));
  findings.push(...settingFindings(name), ...neighbourFindings());
  return findings;
}

function linkFinding({ ifname, flags, mtu, link_type, linkinfo, master }: LinkFacts): Finding {
  const kind = linkinfo?.info_kind ?? (link_type === 'loopback' ? 'loopback' : 'network card');
  if (!flags.includes('UP'))
    return {
      name: 'interface',
      state: 'missing',
      detail: `${ifname} is down: nothing is sent or received`,
      repair: `ip link set dev ${ifname} up`,
      prevents: true,
    };
  const of = master === undefined ? '' : `, a port of ${master}`;
  return { name: 'interface', state: 'ok', detail: `${ifname} is up: ${kind}, MTU ${mtu}${of}` };
}

/** Of an interface that is up. */
function carrierFinding(facts: LinkFacts, peer: LinkFacts | undefined, isVeth: boolean): Finding[] {
  const name = 'carrier';
  if (!facts.flags.includes('UP')) return [];
  if (facts.flags.includes('LOWER_UP') && !facts.flags.includes('NO-CARRIER'))
    return [{ name, state: 'ok', detail: 'there is another side' }];
  if (!isVeth)
    return [
      {
        name,
        state: 'missing',
        detail: 'no carrier',
        advice: 'look at the cable and the other side',
        prevents: true,
      },
    ];
  const detail = "the veth's peer is down, and will not receive";
  if (peer !== undefined)
    return [{ name, state: 'missing', detail, repair: `ip link set dev ${peer.ifname} up`, prevents: true }];
  const advice = "in the peer's network namespace: ip link set dev PEER up";
  return [{ name, state: 'missing', detail, advice, prevents: true }];
}

function programFinding({ ifname }: LinkFacts, { mode, prog }: AttachedFacts): Finding {
  const [text, keyword] = XDP_MODES.get(mode) ?? ['unknown', 'xdp'];
  const holder = holderOf(prog.id);
  const name = 'XDP program';
  const what = `another one is attached: ${prog.name ?? 'without a name'}, id ${prog.id}, ${text} mode`;
  if (holder === undefined)
    return {
      name,
      state: 'missing',
      detail: what,
      advice: 'if nobody needs it, remove it',
      repair: `ip link set dev ${ifname} ${keyword} off`,
      prevents: true,
    };
  return {
    name,
    state: 'missing',
    detail: `${what}; process ${holder.pid} (${holder.command}) holds it`,
    advice: 'it goes when that process ends',
    repair: `kill ${holder.pid}`,
    prevents: true,
  };
}

/** Who holds the BPF link of a program: the descriptors of all processes tell, of those that may be asked. */
function holderOf(id: number): { readonly pid: number; readonly command: string } | undefined {
  for (const pid of list('/proc').filter((entry) => /^\d+$/.test(entry))) {
    for (const descriptor of list(`/proc/${pid}/fdinfo`)) {
      const info = read(`/proc/${pid}/fdinfo/${descriptor}`);
      if (info === undefined || !/^link_type:\s*xdp$/m.test(info)) continue;
      if (Number(/^prog_id:\s*(\d+)/m.exec(info)?.[1]) !== id) continue;
      return { pid: Number(pid), command: read(`/proc/${pid}/comm`)?.trim() ?? '?' };
    }
  }
  return undefined;
}

async function queueFinding({ ifname, num_rx_queues: allocated = 1 }: LinkFacts): Promise<Finding> {
  const name = 'queues';
  const processors = cpus().length;
  const { rx, combined } = await channelsOf(ifname);
  const queues = rx + combined === 0 ? allocated : rx + combined;
  const detail = `${queues} to receive, ${processors} processors`;
  if (queues <= QUEUES_MAX) return { name, state: 'ok', detail };
  return {
    name,
    state: 'warning',
    detail: `${detail}; AF_XDP takes at most ${QUEUES_MAX}, so AF_PACKET is used`,
    repair: `ethtool -L ${ifname} ${combined > 0 ? 'combined' : 'rx'} ${QUEUES_MAX}`,
  };
}

/** Queues in use; 0 where the driver does not tell. */
async function channelsOf(ifname: string): Promise<{ readonly rx: number; readonly combined: number }> {
  const text = await runTool(['ethtool', '-l', ifname]).catch(() => '');
  const current = text.slice(text.indexOf('Current'));
  const count = (kind: string): number =>
    Number(new RegExp(`^${kind}:\\s*(\\d+)$`, 'm').exec(current)?.[1] ?? 0);
  return { rx: count('RX'), combined: count('Combined') };
}

async function featuresOf(name: string): Promise<Features | Finding> {
  try {
    return parseFeatures(await runTool(['ethtool', '-k', name]));
  } catch (error) {
    return {
      name: 'offloads',
      state: 'unknown',
      detail: (error as Error).message,
      advice: 'they are examined with ethtool; on Debian: apt install ethtool',
    };
  }
}

async function offloadFindings(
  facts: LinkFacts,
  isVeth: boolean,
  peer: LinkFacts | undefined,
): Promise<Finding[]> {
  const own = await featuresOf(facts.ifname);
  if ('state' in own) return [own];
  const findings: Finding[] = [await vlanFinding(facts.ifname)];
  const merging = ['generic-receive-offload', 'large-receive-offload'].filter((feature) => own.get(feature));
  // On a veth the kernel has to merge by request; on a card that is the default, and XDP is before it.
  findings.push(
    merging.length === 0
      ? { name: 'merged frames', state: 'ok', detail: 'frames are received one by one' }
      : {
          name: 'merged frames',
          state: 'warning',
          detail:
            'the kernel merges received TCP segments: AF_PACKET sees long frames that were not on the wire',
          repair: `ethtool -K ${facts.ifname} ${merging.map((each) => (each.startsWith('generic') ? 'gro off' : 'lro off')).join(' ')}`,
        },
  );
  if (!isVeth) return findings;
  for (const { ifname } of peer === undefined ? [facts] : [facts, peer]) {
    const features = ifname === facts.ifname ? own : await featuresOf(ifname);
    if ('state' in features) continue;
    findings.push(checksumFinding(ifname, features), segmentFinding(ifname, features));
  }
  return findings;
}

/** The library knows which side of a veth decides. */
async function vlanFinding(ifname: string): Promise<Finding> {
  const name = 'VLAN tags';
  try {
    const { vlanOffload } = await import('etherconn');
    const { state, advice } = vlanOffload(ifname);
    if (state === 'off') return { name, state: 'ok', detail: 'XDP programs see them' };
    if (state === 'unknown')
      return { name, state: 'unknown', detail: 'whether XDP programs see them depends on the peer', advice };
    const detail = 'they are taken out of frames before XDP programs see them';
    return { name, state: 'warning', detail, repair: advice.replaceAll("'", '') };
  } catch (error) {
    return { name, state: 'unknown', detail: (error as Error).message };
  }
}

function checksumFinding(ifname: string, features: Features): Finding {
  const name = `${ifname}: checksums`;
  if (!features.get('tx-checksumming')) return { name, state: 'ok', detail: 'the kernel computes them' };
  return {
    name,
    state: 'warning',
    detail:
      'the kernel leaves those of sent frames to hardware that a veth has not: etherconn copes, others see wrong ones',
    repair: `ethtool -K ${ifname} tx off`,
  };
}

function segmentFinding(ifname: string, features: Features): Finding {
  const name = `${ifname}: segments`;
  const on = ['tcp-segmentation-offload', 'tx-udp-segmentation'].filter((feature) => features.get(feature));
  if (on.length === 0) return { name, state: 'ok', detail: 'the kernel sends frame by frame' };
  return {
    name,
    state: 'warning',
    detail: 'the kernel sends many TCP segments or UDP datagrams as one frame of up to 64 KB',
    repair: `ethtool -K ${ifname} ${on.map((each) => (each.startsWith('tcp') ? 'tso off' : 'tx-udp-segmentation off')).join(' ')}`,
  };
}

/** What XDP programs redirect to a veth arrives only if its peer polls: with a program of its own, or GRO. */
async function redirectFinding({ ifname }: LinkFacts, peer: LinkFacts | undefined): Promise<Finding> {
  const name = 'redirects';
  const lost = `frames that XDP programs redirect to ${ifname} are lost`;
  if (peer === undefined)
    return {
      name,
      state: 'unknown',
      detail: `${lost} if its peer has neither an XDP program nor GRO`,
      advice: "in the peer's network namespace: ethtool -K PEER gro on",
    };
  const features = await featuresOf(peer.ifname);
  const polls =
    programsOf(peer).length > 0 || (!('state' in features) && features.get('generic-receive-offload'));
  if (polls)
    return { name, state: 'ok', detail: `the peer ${peer.ifname} takes what is redirected to ${ifname}` };
  return {
    name,
    state: 'warning',
    detail: `${lost}: its peer ${peer.ifname} has neither an XDP program nor GRO; what etherconn sends arrives`,
    repair: `ethtool -K ${peer.ifname} gro on`,
  };
}

/** Settings of the kernel's own stack that make it silent towards simulated machines: the larger of both counts. */
const SETTINGS = [
  {
    key: 'rp_filter',
    disturbs: (value: number) => value === 1,
    why: 'the kernel drops packets of machines that it has no route to on this interface (strict reverse path)',
  },
  {
    key: 'arp_ignore',
    disturbs: (value: number) => value > 0,
    why: 'the kernel does not answer ARP for all of its addresses',
  },
  {
    key: 'arp_filter',
    disturbs: (value: number) => value > 0,
    why: 'the kernel answers ARP only if it would send to the asker through this interface',
  },
] as const;

function settingFindings(ifname: string): Finding[] {
  return SETTINGS.map(({ key, disturbs, why }): Finding => {
    const of = (scope: string): number =>
      Number(read(`/proc/sys/net/ipv4/conf/${scope}/${key}`) ?? Number.NaN);
    const [all, own] = [of('all'), of(ifname)];
    if (Number.isNaN(all + own))
      return { name: key, state: 'unknown', detail: `/proc/sys does not tell of ${ifname}` };
    const value = Math.max(all, own);
    if (!disturbs(value)) return { name: key, state: 'ok', detail: `${value}` };
    const scopes = [...(all > 0 ? ['all'] : []), ...(own > 0 ? [ifname] : [])];
    // sysctl takes dots for slashes, and names of interfaces may have dots.
    const repair = `sysctl -w ${scopes.map((scope) => `net/ipv4/conf/${scope}/${key}=0`).join(' ')}`;
    return { name: key, state: 'warning', detail: `${value}: ${why}`, repair };
  });
}

function neighbourFindings(): Finding[] {
  return [4, 6].map((version): Finding => {
    const name = `IPv${version} neighbours`;
    const path = `net/ipv${version}/neigh/default`;
    const most = Number(read(`/proc/sys/${path}/gc_thresh3`) ?? Number.NaN);
    if (Number.isNaN(most))
      return {
        name,
        state: 'unknown',
        detail: 'their limit is one for all network namespaces, and told in the first one only',
      };
    if (most > NEIGHBOURS_FEW)
      return {
        name,
        state: 'ok',
        detail: `the kernel knows up to ${most} in all network namespaces together`,
      };
    return {
      name,
      state: 'warning',
      detail: `the kernel knows up to ${most} in all network namespaces together: it does not answer more machines`,
      repair: `sysctl -w ${NEIGHBOURS_MANY.map((value, i) => `${path}/gc_thresh${i + 1}=${value}`).join(' ')}`,
    };
  });
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
