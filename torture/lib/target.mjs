import { EtherConn, Host, RUDPConn, SharedRUDPConn } from 'etherconn';
import { parseIp, parseMac } from 'etherconn/wire';

const MAC = '02:00:00:00:00:05';
const V4 = '10.9.0.5';
const V6 = '2001:db8::5';
const LINK_LOCAL = 'fe80::ff:fe00:5';
/** The address of a conn that shares the host's MAC address' neighbor in the table, on a MAC address of its own. */
const CONN_MAC = '02:00:00:00:00:06';
const CONN_V4 = '10.9.0.6';
const GROUPS = ['239.1.2.3', '232.1.1.1', 'ff02::1:3', 'ff05::5'];

/** How the makers of frames see it. @type {import('./frames.mjs').Target} */
export const TARGET = {
  mac: parseMac(MAC),
  v4: parseIp(V4),
  v6: parseIp(V6),
  linkLocal: parseIp(LINK_LOCAL),
  groups4: [...GROUPS.filter((group) => group.includes('.')), '224.0.0.1', '224.0.0.251'].map((text) =>
    parseIp(text),
  ),
  groups6: [...GROUPS.filter((group) => group.includes(':')), 'ff02::1', 'ff02::1:ff00:5', 'ff02::fb'].map(
    (text) => parseIp(text),
  ),
  ports: [4000, 4001, 4002, 4003, 68, 9],
  tcpPorts: [7, 7, 7, 9],
  vlans: [5],
};

/**
 * A host with everything on: DHCP and SLAAC under way, an echo server of each family, groups joined, connected sockets,
 * a conn that shares it; and beside it at the same relay a conn of each kind, a default one and a mirror.
 */
export class Victim {
  host;
  relay;
  echoed = 0;
  errors = 0;
  leases = 0;
  /** Times that SLAAC has come to an address. */
  configured = 0;
  /** @type {any[]} */
  conns = [];
  /** @type {any[]} */
  #sockets = [];

  /** @param {import('etherconn').Relay} relay */
  constructor(relay) {
    this.relay = relay;
    this.host = Host.createNow(relay, {
      mac: MAC,
      addresses: [`${V4}/24`, `${V6}/64`, `${LINK_LOCAL}/64`],
      gateways: ['10.9.0.1', 'fe80::1'],
      detectDuplicates: 'off',
      neighbors: 1024,
    });
    this.host.on('conflict', () => {});
    this.#open();
    this.begin();
  }

  #open() {
    const { host, relay } = this;
    for (const [type, port] of [
      ['udp4', 4000],
      ['udp6', 4001],
    ]) {
      const socket = host.dgram.createSocket({ type: /** @type {'udp4'} */ (type), reuseAddr: true });
      socket.on('error', () => this.errors++);
      socket.on('message', (message, { address, port: from }) => {
        if (from === 0 || from === 4000 || from === 4001) return;
        this.echoed++;
        socket.send(message, from, address, () => {});
      });
      socket.bind(Number(port), () => {
        for (const group of GROUPS) {
          if (group.includes('.') === (type === 'udp4') && !group.startsWith('232'))
            socket.addMembership(group);
        }
        if (type === 'udp4') socket.addSourceSpecificMembership('10.9.0.20', '232.1.1.1');
      });
      this.#sockets.push(socket);
    }
    // Sends back what it gets, and reads slowly.
    this.#server = host.net.createServer({ allowHalfOpen: true }, (socket) => {
      this.accepted++;
      socket.on('error', () => this.errors++);
      socket.setTimeout(60_000, () => socket.destroy());
      socket.pipe(socket);
    });
    this.#server.listen(7);
    const connected = host.dgram.createSocket('udp4');
    connected.on('error', () => this.errors++);
    connected.connect(4000, '10.9.0.21');
    this.#sockets.push(connected);
    const counting = { enqueued: 0 };
    const count = (batch) => {
      while (batch.next()) counting.enqueued++;
    };
    const shared = new SharedRUDPConn({ address: V4, port: 4002 }, host);
    const rudp = new RUDPConn(
      { address: CONN_V4, port: 4003 },
      new EtherConn(CONN_MAC, relay, [0x0800], { receiveMulticast: true }),
      { resolveNextHop: () => '02:ee:00:00:00:01' },
    );
    const rest = new EtherConn('02:00:00:00:00:07', relay, [], { role: 'default', receiveDepth: 64 });
    const mirror = new EtherConn('02:00:00:00:00:08', relay, [], {
      role: 'mirror',
      receiveMulticast: true,
      receiveDepth: 64,
    });
    for (const conn of [shared, rudp, mirror]) conn.onBatch(count);
    // `rest` is not read: its queue stays full.
    this.conns = [shared, rudp, rest, mirror];
  }

  /** What has come to an end begins again: DHCP, SLAAC, pings, sends. */
  begin() {
    const { host } = this;
    const ignore = () => {};
    if (this.#dhcp === null) {
      this.#dhcp = host
        .dhcp({ probe: true, timeout: 20_000 })
        .then(async (client) => {
          this.leases++;
          await client.close();
        }, ignore)
        .finally(() => {
          this.#dhcp = null;
        });
    }
    if (this.#slaac === null) {
      this.#slaac = host
        .slaac({ timeout: 20_000 })
        .then(async (slaac) => {
          this.configured++;
          await slaac.close();
        }, ignore)
        .finally(() => {
          this.#slaac = null;
        });
    }
    for (const address of ['10.9.0.21', '10.9.0.22', '10.20.0.1', 'fe80::16', '2001:db8:5::1']) {
      host.ping(address, { timeout: 500 }).then(ignore, ignore);
    }
    for (const address of ['10.9.0.23', '10.30.0.1', '239.1.2.3']) {
      this.#sockets[0].send(Buffer.alloc(this.begun % 7 === 0 ? 4000 : 40), 9, address, ignore);
    }
    this.#sockets[1].send('x', 9, '2001:db8::16', ignore);
    this.begun++;
  }

  begun = 0;
  /** TCP connections that strangers have opened. */
  accepted = 0;
  /** @type {any} */
  #server;
  /** @type {Promise<void> | null} */
  #dhcp = null;
  /** @type {Promise<void> | null} */
  #slaac = null;

  /** What forged frames may rightly have taken away, for the next round. */
  async restore() {
    const { host } = this;
    for (const text of [`${V4}/24`, `${V6}/64`, `${LINK_LOCAL}/64`]) {
      const bare = text.replace(/\/.*/, '');
      if (!host.addresses().some(({ address }) => address === bare)) {
        await host.addAddress(text, { detectDuplicates: 'off' }).catch(() => {});
      }
    }
    host.setMtu(null);
  }

  async close() {
    for (const conn of this.conns) await conn.close();
    for (const socket of this.#sockets) socket.close();
    this.#server.close();
    await this.host.close();
  }
}

export const VICTIM = { mac: MAC, v4: V4, v6: V6, linkLocal: LINK_LOCAL };
