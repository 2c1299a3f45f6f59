import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ChecksumState,
  Dhcpv4Op,
  type Dhcpv4Options,
  Dhcpv4Type,
  emitDhcpv4,
  FrameRecord,
  formatIp,
  formatMac,
  parseDhcpv4,
  parseFrame,
  parseIp,
  parseMac,
  readDhcpv4Options,
  transportChecksumState,
  writeDhcpv4Options,
} from 'etherconn/wire';
import { addressNumber } from '../address-number.ts';
import { parseClientOption } from '../client-options.ts';
import { DhcpServer, type DhcpServerPlan } from './dhcp-server.ts';

const ip = (text: string): number => addressNumber(parseIp(text));
const PLAN: DhcpServerPlan = {
  mac: parseMac('02:ec:0a:40:00:01'),
  address: ip('10.64.0.1'),
  prefix: 16,
  first: ip('10.64.1.1'),
  size: 3,
  leaseTime: 600,
  declineTime: 60,
  routers: [ip('10.64.0.1')],
  dns: [ip('10.64.0.53'), ip('10.64.0.54')],
  domain: 'example.test',
  options: [parseClientOption('', '67=boot-{n}')],
};

interface Ask {
  readonly mac?: string;
  readonly options: Dhcpv4Options;
  readonly client?: string;
  readonly relay?: string;
  readonly broadcast?: boolean;
  readonly vlans?: readonly number[];
}

function bench(plan: Partial<DhcpServerPlan> = {}) {
  let now = 0;
  const server = new DhcpServer({ ...PLAN, ...plan }, () => now);
  return {
    server,
    wait: (seconds: number): void => {
      now += 1000 * seconds;
    },
    /** What the server answers: the fields of its message, and where the frame goes. */
    ask({ mac = '02:00:00:00:00:01', options, client, relay, broadcast = false, vlans = [] }: Ask) {
      const payload = emitDhcpv4({
        op: Dhcpv4Op.REQUEST,
        xid: 7,
        hardwareAddress: parseMac(mac),
        broadcast,
        options: writeDhcpv4Options(options),
        ...(client === undefined ? {} : { clientAddress: parseIp(client) }),
        ...(relay === undefined ? {} : { relayAddress: parseIp(relay) }),
      });
      const from = parseMac(relay === undefined ? mac : '02:00:00:00:00:99');
      const frame = server.answer(payload, { mac: from, vlans: vlans.map((id) => ({ id })) });
      if (frame === null) return null;
      const record = new FrameRecord();
      parseFrame(frame, 0, frame.length, record);
      assert.equal(transportChecksumState(frame, record), ChecksumState.GOOD);
      const message = parseDhcpv4(frame, record.payload, record.payloadEnd)!;
      assert.equal(message.xid, 7);
      return {
        ...readDhcpv4Options(message.options),
        to: `${formatMac(frame)} ${formatIp(frame, record.ipDestination, 4)}:${record.destinationPort}`,
        address: formatIp(message.yourAddress),
        vlan: record.vlanTci0,
        relayAgent: message.options.get(82),
      };
    },
  };
}

const { DISCOVER, OFFER, REQUEST, ACK, NAK, DECLINE, RELEASE, INFORM } = Dhcpv4Type;
const SERVER = '10.64.0.1';

test('offer and acknowledgement have what was asked for', () => {
  const { ask, server } = bench();
  const offer = ask({ options: { messageType: DISCOVER } })!;
  assert.deepEqual(
    [offer.messageType, offer.address, offer.to],
    [OFFER, '10.64.1.1', '02:00:00:00:00:01 10.64.1.1:68'],
  );
  const ack = ask({ options: { messageType: REQUEST, requestedAddress: offer.address, serverId: SERVER } })!;
  assert.equal(ack.messageType, ACK);
  assert.deepEqual(
    [ack.serverId, ack.subnetMask, ack.routers, ack.dnsServers, ack.domainName, ack.bootFile],
    [SERVER, '255.255.0.0', [SERVER], ['10.64.0.53', '10.64.0.54'], 'example.test', 'boot-0'],
  );
  assert.deepEqual([ack.leaseTime, ack.renewalTime, ack.rebindingTime], [600, 300, 525]);
  assert.equal(server.pool.bound, 1);
});

test('times to renew and to rebind: whole seconds, one after the other, or none', () => {
  for (const [leaseTime, t1, t2] of [
    [1, undefined, undefined],
    [2, undefined, undefined],
    [3, 1, 2],
    [8, 4, 7],
  ] as const) {
    const offer = bench({ leaseTime }).ask({ options: { messageType: DISCOVER } })!;
    assert.deepEqual([offer.leaseTime, offer.renewalTime, offer.rebindingTime], [leaseTime, t1, t2]);
  }
});

test('where answers go: RFC 2131, 4.1', () => {
  const { ask } = bench();
  const discover = { messageType: DISCOVER };
  assert.equal(ask({ options: discover, broadcast: true })!.to, 'ff:ff:ff:ff:ff:ff 255.255.255.255:68');
  const relayed = ask({
    options: { ...discover, relayAgent: Uint8Array.of(1, 2, 0xaa, 0xbb) },
    relay: '10.9.0.1',
  })!;
  assert.equal(relayed.to, '02:00:00:00:00:99 10.9.0.1:67');
  assert.deepEqual(relayed.relayAgent, Uint8Array.of(1, 2, 0xaa, 0xbb));
  ask({ options: { messageType: REQUEST, requestedAddress: '10.64.1.1', serverId: SERVER } });
  assert.equal(
    ask({ options: { messageType: REQUEST }, client: '10.64.1.1' })!.to,
    '02:00:00:00:00:01 10.64.1.1:68',
  );
});

test('clients of a VLAN are others, and get their tags back', () => {
  const { ask } = bench();
  const first = ask({ options: { messageType: DISCOVER }, vlans: [100] })!;
  const second = ask({ options: { messageType: DISCOVER }, vlans: [101] })!;
  assert.deepEqual([first.vlan, second.vlan], [100, 101]);
  assert.notEqual(first.address, second.address);
});

test('a client identifier counts more than the hardware address', () => {
  const { ask } = bench();
  const clientId = Uint8Array.of(255, 1, 2, 3);
  const first = ask({ options: { messageType: DISCOVER, clientId } })!;
  const second = ask({ mac: '02:00:00:00:00:02', options: { messageType: DISCOVER, clientId } })!;
  assert.equal(first.address, second.address);
  assert.notEqual(ask({ options: { messageType: DISCOVER } })!.address, first.address);
});

test('what is refused', () => {
  const { ask } = bench();
  const request = (requestedAddress: string, more: Dhcpv4Options = {}, mac?: string) =>
    ask({
      ...(mac === undefined ? {} : { mac }),
      options: { messageType: REQUEST, requestedAddress, ...more },
    });
  const refused = request('192.0.2.1')!;
  assert.deepEqual([refused.messageType, refused.to], [NAK, 'ff:ff:ff:ff:ff:ff 255.255.255.255:68']);
  assert.deepEqual([refused.leaseTime, refused.address], [undefined, '0.0.0.0']);
  assert.equal(request('10.64.1.1', { serverId: SERVER })!.messageType, NAK, 'it was offered none');
  assert.equal(request('10.64.1.1')!.messageType, ACK, 'a lease from before the server began');
  assert.equal(request('10.64.1.1', {}, '02:00:00:00:00:02')!.messageType, NAK, "another's");
  assert.equal(
    ask({ options: { messageType: REQUEST }, client: '10.64.1.2' })!.messageType,
    NAK,
    'not that one',
  );
});

test('a client that chooses another server frees the offer; one that asks another is not answered', () => {
  const { ask, server } = bench();
  ask({ options: { messageType: DISCOVER } });
  assert.equal(server.pool.free, 2);
  assert.equal(
    ask({ options: { messageType: REQUEST, requestedAddress: '10.9.9.9', serverId: '10.9.0.1' } }),
    null,
  );
  assert.equal(server.pool.free, 3);
  assert.equal(server.counts.get('otherServer'), 1);
});

test('release, decline, and no address left', () => {
  const { ask, server, wait } = bench({ size: 1 });
  const take = (mac: string) => {
    const offer = ask({ mac, options: { messageType: DISCOVER } });
    if (offer === null) return null;
    return ask({ mac, options: { messageType: REQUEST, requestedAddress: offer.address, serverId: SERVER } });
  };
  assert.equal(take('02:00:00:00:00:01')!.messageType, ACK);
  assert.equal(take('02:00:00:00:00:02'), null);
  assert.equal(server.counts.get('exhausted'), 1);
  ask({ mac: '02:00:00:00:00:02', client: '10.64.1.1', options: { messageType: RELEASE, serverId: SERVER } });
  assert.equal(server.pool.bound, 1, 'who has none cannot release it');
  assert.equal(ask({ client: '10.64.1.1', options: { messageType: RELEASE, serverId: SERVER } }), null);
  assert.equal(take('02:00:00:00:00:02')!.messageType, ACK);
  const decline = { messageType: DECLINE, requestedAddress: '10.64.1.1', serverId: SERVER };
  assert.equal(ask({ mac: '02:00:00:00:00:02', options: decline }), null);
  assert.equal(take('02:00:00:00:00:02'), null, 'declined');
  wait(61);
  assert.equal(take('02:00:00:00:00:03')!.messageType, ACK);
  wait(601);
  assert.equal(take('02:00:00:00:00:04')!.messageType, ACK, 'the lease has expired');
});

test('leases for ever; questions of who has an address', () => {
  const { ask, server, wait } = bench({ leaseTime: 0xffffffff });
  const ack = ask({ options: { messageType: REQUEST, requestedAddress: '10.64.1.2' } })!;
  assert.deepEqual([ack.leaseTime, ack.renewalTime], [0xffffffff, undefined]);
  wait(1e8);
  server.expire();
  assert.equal(server.pool.bound, 1);
  const inform = ask({ mac: '02:00:00:00:00:05', client: '10.64.0.77', options: { messageType: INFORM } })!;
  assert.deepEqual([inform.messageType, inform.address, inform.leaseTime], [ACK, '0.0.0.0', undefined]);
  assert.deepEqual(inform.dnsServers, ['10.64.0.53', '10.64.0.54']);
});

test('garbage is counted; what does not fit is not sent', () => {
  const { server, ask } = bench();
  for (let length = 0; length < 400; length += 7)
    assert.equal(server.answer(new Uint8Array(length).fill(length), { mac: PLAN.mac, vlans: [] }), null);
  assert.equal(server.counts.get('malformed'), 58);
  assert.equal(ask({ options: { messageType: OFFER } }), null);
  const long = bench({ options: [1, 2].map((n) => parseClientOption('', `${200 + n}=${'x'.repeat(250)}`)) });
  assert.equal(long.ask({ options: { messageType: DISCOVER, relayAgent: new Uint8Array(250) } }), null);
  assert.equal(long.server.counts.get('tooLong'), 1);
});
