import { after, before } from 'node:test';
import { RawSocketRelay } from 'etherconn';
import {
  addVethPair,
  type Namespace,
  openNamespace,
  requireNamespaces,
  type VethEnd,
  type VethOptions,
} from 'etherconn/testing';
import { DhcpResponder, memoryServerPlan } from '../dhcp/server/dhcp-responder.ts';
import { DhcpServer } from '../dhcp/server/dhcp-server.ts';
import { endAll } from './command.ts';

/** An end of the wire: the name of its interface, and what else it has. */
type WireEnd = Omit<VethEnd, 'namespace'>;

interface Closable {
  close(): Promise<void>;
}

/** Two namespaces with a veth pair between them, for all tests of a file. */
export class TestWire {
  /** Why there is none: tests take it as their `skip`. */
  readonly skip: string | false = requireNamespaces();
  readonly #ends: Namespace[] = [];
  readonly #kept: Closable[] = [];

  get near(): Namespace {
    return this.#ends[0];
  }

  get far(): Namespace {
    return this.#ends[1];
  }

  /** Closes `thing` at the end, before the namespaces; what is kept last is closed first. */
  keep<T extends Closable>(thing: T): T {
    this.#kept.unshift(thing);
    return thing;
  }

  async open(near: WireEnd, far: WireEnd, options?: VethOptions): Promise<void> {
    this.#ends.push(await openNamespace(), await openNamespace());
    addVethPair({ namespace: this.near, ...near }, { namespace: this.far, ...far }, options);
  }

  async close(): Promise<void> {
    for (const each of [...this.#kept, ...this.#ends]) await each.close();
  }
}

/**
 * A wire that is there from before the first test to after the last one, when commands that a failed test has left are
 * ended, too. `prepare` adds what else the tests need.
 */
export function wireForTests(
  near: WireEnd,
  far: WireEnd,
  { prepare, ...options }: VethOptions & { readonly prepare?: (wire: TestWire) => Promise<void> | void } = {},
): TestWire {
  const wire = new TestWire();
  before(async () => {
    if (wire.skip !== false) return;
    await wire.open(near, far, options);
    await prepare?.(wire);
  });
  after(async () => {
    endAll();
    await wire.close();
  });
  return wire;
}

/** Serves DHCP on an interface of the far end. */
export async function serveDhcp(wire: TestWire, interfaceName: string): Promise<void> {
  const relay = wire.keep(await RawSocketRelay.open(interfaceName, { netns: wire.far.path }));
  const server = new DhcpServer(memoryServerPlan(10_000, 3600), () => relay.clock.now());
  wire.keep(new DhcpResponder(relay, server));
}

/** Waits until the IPv6 addresses of an interface may be used. */
export function waitForAddresses(namespace: Namespace, interfaceName: string): void {
  const isTentative = `ip -6 address show dev ${interfaceName} | grep -q tentative`;
  namespace.run('sh', '-c', `while ${isTentative}; do sleep 0.05; done`);
}
