import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MemoryNetwork, type PacketRelay, Relay, type RelayEngine } from 'etherconn';
import { addVethPair, type Namespace, openNamespace } from 'etherconn/testing';
import { formatIp, formatMac } from 'etherconn/wire';
import { Machine, machineIp, machineMac } from './machine.ts';

export const SERVER_IP: Uint8Array = Uint8Array.of(10, 77, 0, 1);
export const SERVER_PORT = 7;
const SERVER_MAC = Uint8Array.of(0x02, 0xec, 0xff, 0xff, 0xff, 0xff);

/** Where the demo takes place: a relay for the machines, and an echo server that they can reach. */
export interface Stage {
  readonly relay: PacketRelay;
  /** What the far side is, for people. */
  readonly description: string;
  /** The engine that moves the frames, and its mode, if it has several. */
  readonly engine: { readonly relay: 'xdp' | 'packet' | 'memory'; readonly mode?: string };
  /** Why it is not a faster engine or mode; undefined when it is the one that was asked for, or the fastest. */
  readonly fallback?: string | undefined;
  close(): Promise<void>;
}

/** Two network namespaces with a veth pair between; the far one runs a plain node:dgram server on the kernel's stack. */
export async function kernelStage(engine: RelayEngine, machines: number): Promise<Stage> {
  const near = await openNamespace();
  const far = await openNamespace();
  try {
    addVethPair(
      { namespace: near, name: 'machines' },
      { namespace: far, name: 'server', addresses: ['10.77.0.1/16'] },
    );
    await introduce(far, machines);
    const script = fileURLToPath(new URL('./echo-server.js', import.meta.url));
    const server = far.spawn(process.execPath, script, '10.77.0.1', String(SERVER_PORT));
    server.stderr?.pipe(process.stderr);
    const [first] = await Promise.race([once(server.stdout!, 'data'), once(server, 'exit')]);
    if (String(first).trim() !== 'ready') throw new Error('the echo server did not start');
    const relay = await Relay.open('machines', { engine, netns: near.path, sendingMode: 'batch' });
    const { kind, mode, fallback } = relay.info();
    return {
      relay,
      engine: kind === 'xdp' ? { relay: kind, mode: String(mode) } : { relay: kind },
      // That a virtual interface has no zero-copy mode is no news.
      fallback: kind === 'xdp' ? undefined : (fallback as string | undefined),
      description: "a node:dgram echo server on the kernel's stack, in another network namespace",
      async close() {
        await relay.close();
        await far.close();
        await near.close();
      },
    };
  } catch (error) {
    await far.close();
    await near.close();
    throw error;
  }
}

/**
 * Enters the machines in the neighbor table of the server's kernel. By ARP it would learn 1,024 of them at most
 * (net.ipv4.neigh.default.gc_thresh3), less what all other network namespaces of the system have learned, and drop its
 * answers to the rest. Permanent entries do not count.
 */
async function introduce(far: Namespace, machines: number): Promise<void> {
  const ip = far.spawn('ip', '-batch', '-');
  ip.stderr?.pipe(process.stderr);
  const lines = Array.from(
    { length: machines },
    (_, i) =>
      `neigh replace ${formatIp(machineIp(i))} lladdr ${formatMac(machineMac(i))} dev server nud permanent\n`,
  );
  ip.stdin?.end(lines.join(''));
  const [code] = await once(ip, 'exit');
  if (code !== 0) throw new Error('the machines could not be introduced to the echo server');
}

/** The same in this process, over a memory network: one more machine is the server. */
export async function memoryStage(): Promise<Stage> {
  const network = new MemoryNetwork();
  const relay = network.relay({ sendingMode: 'batch' });
  const serverRelay = network.relay({ sendingMode: 'batch' });
  const server = new Machine(serverRelay, SERVER_MAC, SERVER_IP, SERVER_PORT, () => null);
  server.udp.onBatch((batch) => {
    while (batch.next()) {
      const { u8, payloadOffset, payloadLength } = batch;
      batch.reply(u8.subarray(payloadOffset, payloadOffset + payloadLength));
    }
  });
  return {
    relay,
    engine: { relay: 'memory' },
    description: 'a simulated echo server on an in-memory network',
    async close() {
      await network.close();
    },
  };
}
