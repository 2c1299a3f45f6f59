import type { Impairments } from 'etherconn/link';
import { isIp } from 'etherconn/wire';
import { ScenarioError } from '../scenario/scenario-error.ts';

/** One end of a cable. */
export interface CableEnd {
  /** Name of the network namespace: 'lab-a'. */
  readonly namespace: string;
  readonly interface: string;
  /** With prefix lengths. */
  readonly addresses: readonly string[];
}

/** A veth pair between two namespaces, or two pairs with a wire of ours in between. */
export interface Cable {
  readonly ends: readonly [CableEnd, CableEnd];
}

/** What `lab up` makes. It is plain data: the state file has it, and two plans are the same if their JSON is. */
export interface LabPlan {
  readonly name: string;
  readonly cables: readonly Cable[];
  readonly mtu: number;
  readonly queues: number;
  /** Faults of each cable, in both directions alike. Undefined: no wire, the kernel alone. */
  readonly impair?: Impairments;
  readonly seed: number;
}

/** A cable as it was asked for: 'a=10.0.0.1/24,b'. */
export interface CableRequest {
  readonly ends: readonly [EndRequest, EndRequest];
}

interface EndRequest {
  readonly node: string;
  readonly addresses: readonly string[];
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/;
/** Cables that get addresses by themselves: 10.0.0.0/24 to 10.0.255.0/24. */
const CABLES_MAX = 256;
/** The node that the wires are in. */
const WIRE_NODE = 'wire';

/** Namespace of a lab's node. */
export function namespaceOf(lab: string, node: string): string {
  return `${lab}-${node}`;
}

/** Namespace of a lab's wires. */
export function wireNamespaceOf(lab: string): string {
  return namespaceOf(lab, WIRE_NODE);
}

/** Names of a wire's interfaces on both sides of cable `n`. */
export function wireInterfaces(n: number): readonly [string, string] {
  return [`left${n}`, `right${n}`];
}

export function parseLabName(option: string, text: string): string {
  if (NAME.test(text)) return text;
  throw new ScenarioError(option, `must be letters, digits, - and _, 32 at most, got '${text}'`);
}

export function parseCable(option: string, text: string): CableRequest {
  const parts = text.split(',');
  if (parts.length !== 2)
    throw new ScenarioError(
      option,
      `must be two nodes, like a,b or a=10.0.0.1/24,b=10.0.0.2/24, got '${text}'`,
    );
  const [left, right] = parts.map((part) => parseEnd(option, part)) as [EndRequest, EndRequest];
  if (left.node === right.node)
    throw new ScenarioError(option, `must join two different nodes, got '${text}'`);
  return { ends: [left, right] };
}

function parseEnd(option: string, text: string): EndRequest {
  const [node, list] = text.split('=') as [string, string | undefined];
  if (!NAME.test(node) || node === WIRE_NODE)
    throw new ScenarioError(
      option,
      `must name nodes with letters, digits, - and _, and not '${WIRE_NODE}', got '${node}'`,
    );
  const addresses = list === undefined || list === '' ? [] : list.split('+');
  for (const address of addresses) checkAddress(option, address);
  return { node, addresses };
}

function checkAddress(option: string, text: string): void {
  const [address, prefix = ''] = text.split('/') as [string, string | undefined];
  const version = isIp(address);
  const most = version === 4 ? 32 : 128;
  if (version === 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > most)
    throw new ScenarioError(option, `must have addresses like 10.0.0.1/24 or fd00::1/64, got '${text}'`);
}

/** Numbers the interfaces of each node, and gives addresses to the cables that have none. */
export function planCables(lab: string, requests: readonly CableRequest[], ipv6: boolean): Cable[] {
  if (requests.length > CABLES_MAX)
    throw new ScenarioError('--link', `may be given at most ${CABLES_MAX} times, got ${requests.length}`);
  const interfaces = new Map<string, number>();
  return requests.map(({ ends }, n): Cable => {
    const bare = ends.every(({ addresses }) => addresses.length === 0);
    const [left, right] = ends.map(({ node, addresses }, side): CableEnd => {
      const number = interfaces.get(node) ?? 0;
      interfaces.set(node, number + 1);
      const own = bare ? [`10.0.${n}.${side + 1}/24`] : addresses;
      const network = n === 0 ? 'fd00::' : `fd00:${n.toString(16)}::`;
      const more = ipv6 ? [`${network}${side + 1}/64`] : [];
      return {
        namespace: namespaceOf(lab, node),
        interface: `eth${number}`,
        addresses: [...own, ...more],
      };
    }) as [CableEnd, CableEnd];
    return { ends: [left, right] };
  });
}

/** Names of all namespaces of a plan, the wires' own first. */
export function namespacesOf({ name, cables, impair }: LabPlan): string[] {
  const nodes = new Set(cables.flatMap(({ ends }) => ends.map(({ namespace }) => namespace)));
  return [...(impair === undefined ? [] : [wireNamespaceOf(name)]), ...nodes];
}

/** Names of the interfaces that a plan has in a namespace. */
export function interfacesIn({ name, cables }: LabPlan, namespace: string): string[] {
  if (namespace === wireNamespaceOf(name)) return cables.flatMap((_cable, n) => wireInterfaces(n));
  return cables.flatMap(({ ends }) =>
    ends.filter((end) => end.namespace === namespace).map((end) => end.interface),
  );
}
