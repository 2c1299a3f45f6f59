import { once } from 'node:events';
import type { DgramModule, DgramSocket, DgramSocketOptions } from '../dgram/socket-class.ts';

/**
 * Trials of sockets on a machine with the interface eth0, 10.0.0.9/24, 2001:db8:1::9/64, fe80::ff:fe00:9/64 and default
 * routes by 10.0.0.1 and 2001:db8:1::1. What they print is compared between the kernel's sockets and ours.
 */
export type SocketTrial = (module: DgramModule) => Promise<string[]>;

type Type = 'udp4' | 'udp6';
type Method = (...args: unknown[]) => unknown;

const ADDRESSES4: readonly string[] = [
  '10.0.0.9',
  '10.0.0.1',
  '127.0.0.1',
  '127.0.0.2',
  '0.0.0.0',
  '224.0.0.1',
  '239.1.2.3',
  '10.0.0.255',
  '255.255.255.255',
  '192.0.2.1',
];
const ADDRESSES6: readonly string[] = [
  'fe80::ff:fe00:9',
  'fe80::1',
  'ff01::1:99',
  'ff02::1:99',
  'ff05::1:99',
  '::1',
  '::',
  '2001:db8:1::9',
  '2001:db8:1::1',
  '2001:db8:9::1',
  '::ffff:10.0.0.9',
  '::ffff:10.0.0.1',
  '::ffff:127.0.0.1',
];
const ZONES: readonly string[] = ['', '%eth0', '%lo', '%nope'];

const ADDRESSES: readonly string[] = [
  ...ADDRESSES4,
  ...ADDRESSES6.flatMap((address) => ZONES.map((zone) => address + zone)),
];

const code = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

async function bound(
  module: DgramModule,
  options: DgramSocketOptions,
  ...args: unknown[]
): Promise<DgramSocket> {
  const socket = module.createSocket(options);
  (socket.bind as Method)(...args);
  await once(socket, 'listening');
  return socket;
}

/** The error's code, or 'ok', when one of the socket's events or the callback has come. */
function outcome(socket: DgramSocket, event: string, action: (done: Method) => void): Promise<string> {
  return new Promise((resolve) => {
    socket.on('error', (error) => resolve(code(error)));
    socket.on(event, () => resolve('ok'));
    try {
      action((error) => resolve(error ? code(error) : 'ok'));
    } catch (error) {
      resolve(`throws ${code(error)}`);
    }
  });
}

/** Every argument that is an address, with every zone. */
export const addressArguments: SocketTrial = async (module) => {
  const lines: string[] = [];
  for (const type of ['udp4', 'udp6'] as const) {
    for (const address of ADDRESSES) {
      // Node looks up what is no literal of the family.
      if (type === 'udp4' && address.includes(':')) continue;
      for (const [name, act] of Object.entries(CALLS)) {
        const socket = module.createSocket(type);
        lines.push(`${type} ${name} ${address}: ${await act(socket, type, address)}`);
        socket.removeAllListeners().on('error', () => undefined);
        socket.close();
        await once(socket, 'close');
      }
    }
    for (const group of ['239.1.2.3', 'ff02::1:99', 'ff05::1:99%eth0', 'ff02::1:99%nope']) {
      for (const address of [undefined, ...ADDRESSES]) {
        const socket = await bound(module, { type });
        const calls: Method[] = [
          () => socket.addMembership(group, address),
          () => socket.dropMembership(group, address),
          () => (socket.addSourceSpecificMembership as Method)(sourceFor(group), group, address),
          () => (socket.dropSourceSpecificMembership as Method)(sourceFor(group), group, address),
        ];
        lines.push(`${type} groups ${group} ${address}: ${calls.map(codeOfCall).join(' ')}`);
        socket.close();
      }
    }
    for (const address of ADDRESSES) {
      const socket = await bound(module, { type });
      lines.push(`${type} interface ${address}: ${codeOfCall(() => socket.setMulticastInterface(address))}`);
      socket.close();
    }
  }
  return lines;
};

function sourceFor(group: string): string {
  return group.includes(':') ? '2001:db8:1::1' : '10.0.0.1';
}

function codeOfCall(call: Method): string {
  try {
    call();
    return 'ok';
  } catch (error) {
    return code(error);
  }
}

const CALLS: Record<string, (socket: DgramSocket, type: Type, address: string) => Promise<string>> = {
  bind: (socket, _type, address) => outcome(socket, 'listening', () => socket.bind(0, address)),
  connect: (socket, _type, address) =>
    outcome(socket, 'connect', () => (socket.connect as Method)(4000, address)),
  'connect by an interface': async (socket, type, address) => {
    socket.bind(0);
    await once(socket, 'listening');
    socket.setMulticastInterface(type === 'udp4' ? '10.0.0.9' : '::%eth0');
    return outcome(socket, 'connect', () => (socket.connect as Method)(4000, address));
  },
  send: (socket, _type, address) => outcome(socket, '-', (done) => socket.send('x', 4000, address, done)),
};

/** Every option with every family, and several ways to become bound. */
export const socketOptions: SocketTrial = async (module) => {
  const lines: string[] = [];
  const values: DgramSocketOptions[] = [];
  for (const type of ['udp4', 'udp6'] as const) {
    for (const ipv6Only of [undefined, false, true]) {
      for (const reuseAddr of [false, true]) {
        for (const reusePort of [false, true]) values.push({ type, ipv6Only, reuseAddr, reusePort });
      }
    }
    values.push({ type, recvBufferSize: 4096 }, { type, sendBufferSize: 4096 });
    values.push({ type, ipv6Only: true, recvBufferSize: 4096, sendBufferSize: 4096 });
  }
  const ways: Record<string, (socket: DgramSocket, type: Type) => Promise<string>> = {
    bind: (socket) => outcome(socket, 'listening', () => socket.bind()),
    'bind to any': (socket, type) =>
      outcome(socket, 'listening', () => socket.bind(0, type === 'udp4' ? '0.0.0.0' : '::')),
    'bind to an address': (socket, type) =>
      outcome(socket, 'listening', () => socket.bind(0, type === 'udp4' ? '127.0.0.1' : '::1')),
    'bind to an IPv4 address': (socket) =>
      outcome(socket, 'listening', () => socket.bind(0, '::ffff:127.0.0.1')),
    send: (socket, type) =>
      outcome(socket, '-', (done) => socket.send('x', 4000, type === 'udp4' ? '127.0.0.1' : '::1', done)),
    'send to IPv4': (socket) =>
      outcome(socket, '-', (done) => socket.send('x', 4000, '::ffff:127.0.0.1', done)),
    connect: (socket, type) =>
      outcome(socket, 'connect', () =>
        (socket.connect as Method)(4000, type === 'udp4' ? '127.0.0.1' : '::1'),
      ),
    'connect to IPv4': (socket) =>
      outcome(socket, 'connect', () => (socket.connect as Method)(4000, '::ffff:127.0.0.1')),
    join: async (socket, type) =>
      codeOfCall(() => socket.addMembership(type === 'udp4' ? '239.1.2.3' : 'ff05::1:99')),
  };
  for (const options of values) {
    for (const [name, act] of Object.entries(ways)) {
      if (options.type === 'udp4' && name.includes('IPv4')) continue;
      const socket = module.createSocket(options);
      const found = await act(socket, options.type as Type);
      lines.push(`${JSON.stringify(options)} ${name}: ${found}`);
      socket.removeAllListeners().on('error', () => undefined);
      socket.close();
      await once(socket, 'close');
    }
  }
  return lines;
};

/** Memberships of one socket, one after the other. */
export const memberships: SocketTrial = async (module) => {
  const lines: string[] = [];
  const families = [
    {
      type: 'udp4',
      group: '239.1.2.3',
      source: '10.0.0.1',
      other: '10.0.0.2',
      interfaces: [undefined, '127.0.0.1', '10.0.0.9', '127.0.0.2', '0.0.0.0'],
    },
    {
      type: 'udp6',
      group: 'ff05::1:99',
      source: '2001:db8:1::1',
      other: '2001:db8:1::2',
      interfaces: [undefined, '::%lo', '::%eth0', '::%nope'],
    },
    {
      type: 'udp6',
      group: '239.1.2.3',
      source: '10.0.0.1',
      other: '10.0.0.2',
      interfaces: [undefined, '127.0.0.1', '10.0.0.9'],
    },
  ] as const;
  for (const { type, group, source, other, interfaces } of families) {
    const steps = interfaces.flatMap((face) => [
      ['addMembership', group, face],
      ['dropMembership', group, face],
      ['addSourceSpecificMembership', source, group, face],
      ['dropSourceSpecificMembership', source, group, face],
      ['addSourceSpecificMembership', other, group, face],
    ]);
    // A fixed walk through all of them, in many orders.
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return (seed >>> 8) % below;
    };
    for (let walk = 0; walk < 60; walk++) {
      const socket = await bound(module, { type });
      let line = `${type} ${group}:`;
      for (let i = 0; i < 8; i++) {
        const [method, ...args] = steps[random(steps.length)];
        const call = (socket as unknown as Record<string, Method>)[method as string];
        line += `\n  ${method} ${args.join(' ')} ${codeOfCall(() => call.apply(socket, args))}`;
      }
      lines.push(line);
      socket.close();
    }
  }
  return lines;
};

/** Who hears what is sent to groups, on one machine. */
export const hearing: SocketTrial = async (module) => {
  const lines: string[] = [];
  const families = [
    {
      type: 'udp4',
      group: '239.1.2.3',
      other: '239.9.9.9',
      lo: '127.0.0.1',
      out: '10.0.0.9',
      own: '10.0.0.9',
      all: '224.0.0.1',
    },
    {
      type: 'udp6',
      group: 'ff05::1:99',
      other: 'ff05::9:99',
      lo: '::%lo',
      out: '::%eth0',
      own: '2001:db8:1::9',
      all: 'ff02::1%eth0',
    },
  ] as const;
  for (const { type, group, other, lo, out, own, all } of families) {
    const scenes: Record<string, (receivers: Record<string, DgramSocket>) => void> = {
      nobody: () => undefined,
      'one here': ({ any }) => any.addMembership(group, out),
      'one by default': ({ any }) => any.addMembership(group),
      'one on the loopback interface': ({ any }) => any.addMembership(group, lo),
      both: ({ any, any2 }) => {
        any.addMembership(group, out);
        any2.addMembership(group, lo);
      },
      'one of another group': ({ any }) => any.addMembership(other, out),
      'one of a stranger': ({ any }) => {
        any.addSourceSpecificMembership(type === 'udp4' ? '10.0.0.1' : '2001:db8:1::1', group, out);
      },
      'one of the sender': ({ any }) => any.addSourceSpecificMembership(own, group, out),
      'a stranger, and any by another': ({ any, any2 }) => {
        any.addSourceSpecificMembership(type === 'udp4' ? '10.0.0.1' : '2001:db8:1::1', group, out);
        any2.addMembership(group, out);
      },
      'who is bound to it': ({ onGroup }) => onGroup.addMembership(group, out),
      'who is bound to an address': ({ onOwn }) => onOwn.addMembership(group, out),
      'one who has left': ({ any, any2 }) => {
        any.addMembership(group, out);
        any2.addMembership(group, out);
        any.dropMembership(group, out);
      },
      'a closed one': ({ gone }) => {
        gone.addMembership(group, out);
        gone.close();
      },
    };
    for (const [name, scene] of Object.entries(scenes)) {
      const open = (address?: string) => bound(module, { type, reuseAddr: true }, 7000, address);
      const receivers: Record<string, DgramSocket> = {
        any: await open(),
        any2: await open(),
        onGroup: await open(group),
        onOther: await open(other),
        onOwn: await open(own),
        gone: await open(),
        dual: await bound(module, { type: 'udp6', reuseAddr: true }, 7000),
      };
      const heard: string[] = [];
      for (const [who, socket] of Object.entries(receivers)) {
        socket.on('message', (message) => heard.push(`${message}:${who}`));
      }
      scene(receivers);
      const sender = await bound(module, { type });
      for (const [how, face] of [
        ['out', out],
        ['lo', lo],
      ] as const) {
        sender.setMulticastInterface(face);
        for (const to of [group, other, all]) {
          if (how === 'lo' && to === all) continue;
          // The kernel's loopback interface has no route for groups of IPv6.
          if (how === 'lo' && type === 'udp6') continue;
          await new Promise((resolve) => sender.send(`${how} ${to}`, 7000, to, resolve));
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
      // A timer may be late and come before what has arrived meanwhile; an immediate comes behind it.
      for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
      lines.push(`${type} ${name}: ${heard.sort().join(', ')}`);
      for (const socket of [...Object.values(receivers), sender]) {
        if (socket !== receivers.gone || name !== 'a closed one') socket.close();
      }
    }
  }
  return lines;
};

export const TRIALS: Record<string, SocketTrial> = { addressArguments, socketOptions, memberships, hearing };
