import { OptionError } from '../../errors.ts';
import type { Addon } from '../../native/addon.ts';
import type { NativeBpf } from '../../native/bpf.ts';
import { during, withAdvice } from '../../native/system-error.ts';
import { EACCES, EINVAL } from '../kernel/errno.ts';
import {
  BPF_F_XDP_HAS_FRAGS,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_XSKMAP,
} from './bpf.ts';
import { STEER } from './generated/steer.ts';
import { explainRefusal, privilegeFacts } from './privileges.ts';
import {
  DISPOSITIONS,
  ENDPOINT_KEY_SIZE,
  ENDPOINT_SIZE,
  SERVICE_KEY_SIZE,
  SERVICE_SIZE,
  SETTINGS_SIZE,
} from './steer-maps.ts';

/** Making the kernel's objects of the steering program: its maps and the program itself. */

/** It calls no function of the kernel that asks for the GPL. */
const LICENSE = 'Apache-2.0';
const LOADING = 'loading the steering program';
const INSTRUCTION = 8; // struct bpf_insn
/** In the register byte of a load: the immediate value is a map's descriptor (BPF_PSEUDO_MAP_FD). */
const PSEUDO_MAP_FD = 1 << 4;
const VERIFIER_LOG = 1 << 16;
const VERIFIER_LINES = 5;

/** UDP services on one interface. */
export const MAX_SERVICES = 1024;

/** What {@link SteeringProgram.load} makes. */
export interface SteeringProgramOptions {
  /** Most (MAC address, VLANs) that can be steered. */
  readonly endpoints: number;
  /** Queues of the interface: places for sockets. */
  readonly queues: number;
  /** Accept interfaces whose frames may be in several buffers (Linux 5.18). */
  readonly frags: boolean;
}

/** The maps by which user space tells the program what to do, and learns what it did. */
export interface SteeringMaps {
  readonly endpoints: NativeBpf;
  readonly services: NativeBpf;
  readonly settings: NativeBpf;
  readonly counters: NativeBpf;
}

/** Makes the maps; `keep` is told of each at once, to close it when a later one fails. */
export function createMaps(
  addon: Addon,
  options: SteeringProgramOptions,
  keep: (object: NativeBpf) => NativeBpf,
): SteeringMaps & { xsks: NativeBpf } {
  const advise = (code: string): string | undefined => {
    if (code === 'EPERM') return explainRefusal(privilegeFacts());
    if (code === 'E2BIG' || code === 'ENOMEM') {
      return `no memory for a map of ${options.endpoints} endpoints; lower maxEndpoints`;
    }
    if (code === 'ENOSYS' || code === 'EINVAL')
      return 'this kernel has no BPF maps for AF_XDP (CONFIG_XDP_SOCKETS)';
    return undefined;
  };
  const create = (type: number, keySize: number, valueSize: number, entries: number, name: string) =>
    keep(addon.bpfMapCreate(type, keySize, valueSize, entries, name));
  return withAdvice('making the maps of the steering program', advise, () => ({
    xsks: create(BPF_MAP_TYPE_XSKMAP, 4, 4, options.queues, 'etherconn_xsks'),
    endpoints: create(
      BPF_MAP_TYPE_HASH,
      ENDPOINT_KEY_SIZE,
      ENDPOINT_SIZE,
      options.endpoints,
      'etherconn_ends',
    ),
    services: create(BPF_MAP_TYPE_HASH, SERVICE_KEY_SIZE, SERVICE_SIZE, MAX_SERVICES, 'etherconn_ports'),
    settings: create(BPF_MAP_TYPE_ARRAY, 4, SETTINGS_SIZE, 1, 'etherconn_set'),
    counters: create(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, DISPOSITIONS.length, 'etherconn_count'),
  }));
}

/** Loads the program with these maps. */
export function loadProgram(
  addon: Addon,
  maps: Record<keyof typeof STEER.maps, NativeBpf>,
  frags: boolean,
): NativeBpf {
  const instructions = new Uint8Array(Buffer.from(STEER.instructions, 'base64'));
  const view = new DataView(instructions.buffer);
  for (const name of Object.keys(maps) as (keyof typeof STEER.maps)[]) {
    const fd = during(LOADING, () => addon.bpfFd(maps[name]));
    for (const index of STEER.maps[name]) {
      instructions[index * INSTRUCTION + 1] |= PSEUDO_MAP_FD;
      view.setInt32(index * INSTRUCTION + 4, fd, true);
    }
  }
  const flags = frags ? BPF_F_XDP_HAS_FRAGS : 0;
  const load = (log: Uint8Array) =>
    addon.bpfProgramLoad(instructions, LICENSE, 'etherconn_steer', flags, log);
  const log = new Uint8Array(VERIFIER_LOG);
  const advise = (code: string): string | undefined => {
    if (code === 'EPERM') return explainRefusal(privilegeFacts());
    if (code === 'EINVAL' && frags && lastLines(log) === '') {
      return 'this kernel has no programs for frames in several buffers (Linux 5.18)';
    }
    return lastLines(log) || undefined;
  };
  return withAdvice(LOADING, advise, () => {
    try {
      return load(new Uint8Array(0));
    } catch (error) {
      // The verifier's words are only worth their time when it has refused.
      const { errno } = error as NodeJS.ErrnoException;
      if (errno !== -EACCES && errno !== -EINVAL) throw error;
      return load(log);
    }
  });
}

function lastLines(log: Uint8Array): string {
  const text = Buffer.from(log.buffer, 0, log.indexOf(0)).toString('latin1').trim();
  return text.split('\n').slice(-VERIFIER_LINES).join('; ');
}

/** Refuses, in the name of an option, what is no map of AF_XDP sockets. */
export function checkXskMap(addon: Addon, object: NativeBpf, option: string): void {
  const { kind, type } = addon.bpfDescribe(object);
  if (type === BPF_MAP_TYPE_XSKMAP) return;
  const what = kind === 'bpf-map' ? `a BPF map of type ${type}` : `'${kind}'`;
  throw new OptionError(option, `must be a BPF map of type XSKMAP, got ${what}`);
}
