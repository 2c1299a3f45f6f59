import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hex } from '../test-support/frames.ts';
import { pcapOf } from '../test-support/pcap-of.ts';
import { tsharkFields, tsharkMissing } from '../test-support/tshark.ts';
import { buildUdpFrame } from './build.ts';
import { Dhcpv4Op, emitDhcpv4, parseDhcpv4, printDhcpv4 } from './dhcpv4.ts';
import {
  Dhcpv4Option,
  type Dhcpv4Options,
  Dhcpv4Type,
  readDhcpv4Options,
  writeDhcpv4Options,
} from './dhcpv4-options.ts';
import { parseIp } from './ip.ts';

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);

const OFFER: Dhcpv4Options = {
  messageType: Dhcpv4Type.OFFER,
  subnetMask: '255.255.255.0',
  routers: ['10.0.0.1', '10.0.0.2'],
  dnsServers: ['10.0.0.3'],
  hostName: 'h1',
  domainName: 'example.org',
  mtu: 1400,
  broadcastAddress: '10.0.0.255',
  ntpServers: ['10.0.0.4'],
  vendorSpecific: hex('0102aabb'),
  requestedAddress: '10.0.0.9',
  leaseTime: 3600,
  serverId: '10.0.0.1',
  parameterList: hex('0103'),
  message: 'no',
  maxMessageSize: 1500,
  renewalTime: 1800,
  rebindingTime: 3150,
  vendorClass: 'etherconn',
  clientId: hex('01020000000001'),
  tftpServer: 'boot',
  bootFile: 'image',
  rapidCommit: true,
  relayAgent: hex('0104aabbccdd'),
  domainSearch: ['a.example.org', 'example.org'],
  classlessRoutes: [
    { destination: '0.0.0.0/0', gateway: '10.0.0.1' },
    { destination: '10.128.0.0/9', gateway: '0.0.0.0' },
  ],
};

test('a whole message, with all options known, there and back', () => {
  const fields = {
    op: Dhcpv4Op.REPLY,
    xid: 0xdeadbeef,
    secs: 7,
    hops: 2,
    broadcast: true,
    hardwareAddress: MAC,
    clientAddress: parseIp('10.0.0.7'),
    yourAddress: parseIp('10.0.0.5'),
    serverAddress: parseIp('10.0.0.1'),
    relayAddress: parseIp('10.0.0.254'),
    serverName: 'server',
    bootFile: 'file',
    options: writeDhcpv4Options(OFFER),
  };
  const parsed = parseDhcpv4(emitDhcpv4(fields))!;
  assert.deepEqual({ ...parsed, options: null }, { ...fields, hardwareType: 1, options: null });
  assert.deepEqual(new Map(parsed.options), fields.options);
  assert.deepEqual(readDhcpv4Options(parsed.options), OFFER);
});

test('the type comes first and the relay agent last; 300 bytes at least', () => {
  const options = writeDhcpv4Options({ relayAgent: hex('01'), leaseTime: 1, messageType: 5 });
  const bytes = emitDhcpv4({ op: 2, xid: 1, hardwareAddress: MAC, options });
  assert.equal(bytes.length, 300);
  assert.deepEqual(bytes.slice(240, 253), hex('350105 330400000001 520101 ff'));
});

test('options that do not fit go into the file and server name fields', () => {
  const options = new Map<number, Uint8Array>([[Dhcpv4Option.MESSAGE_TYPE, Uint8Array.of(2)]]);
  for (let code = 200; code < 211; code++) options.set(code, new Uint8Array(40).fill(code));
  const fields = { op: 2, xid: 1, hardwareAddress: MAC, options };
  const both = emitDhcpv4(fields, 548);
  assert.ok(both.length <= 548);
  assert.deepEqual(both.slice(240, 246), hex('340103 350102'));
  const parsed = parseDhcpv4(both)!;
  assert.deepEqual(new Map(parsed.options), options);
  assert.deepEqual([parsed.bootFile, parsed.serverName], ['', '']);
  options.delete(210);
  const file = emitDhcpv4(fields, 548);
  assert.deepEqual(file.slice(240, 243), hex('340101'));
  assert.deepEqual(new Map(parseDhcpv4(file)!.options), options);
  // A field in use is not to be had.
  assert.deepEqual(new Map(parseDhcpv4(emitDhcpv4({ ...fields, serverName: 'x' }, 548))!.options), options);
  options.set(210, new Uint8Array(255));
  assert.throws(() => emitDhcpv4(fields, 548), { option: 'options' });
});

test('property: any options, long ones as well, come back', () => {
  const entry = fc.tuple(
    fc.integer({ min: 1, max: 254 }).filter((code) => code !== Dhcpv4Option.OVERLOAD),
    fc.uint8Array({ maxLength: 700 }),
  );
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
      const options = new Map(entries);
      const bytes = emitDhcpv4({ op: 1, xid: 1, hardwareAddress: MAC, options }, 20_000);
      const parsed = parseDhcpv4(bytes)!;
      assert.deepEqual(
        [...parsed.options].sort(([a], [b]) => a - b),
        [...options].sort(([a], [b]) => a - b),
      );
    }),
  );
});

test('property: any bytes: nothing is thrown, and what is found was there', () => {
  const head = emitDhcpv4({ op: 2, xid: 1, hardwareAddress: MAC });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(3), fc.boolean(), (tail, overload, whole) => {
      const bytes = whole ? Uint8Array.from([...head.subarray(0, 240), 52, 1, overload, ...tail]) : tail;
      const parsed = parseDhcpv4(bytes);
      if (parsed === null) return;
      const total = [...parsed.options.values()].reduce((sum, value) => sum + value.length, 0);
      assert.ok(total <= bytes.length);
      readDhcpv4Options(parsed.options);
      printDhcpv4(bytes);
    }),
    { numRuns: 1000 },
  );
});

test('what is no message, and what is forgiven', () => {
  const good = emitDhcpv4({ op: 2, xid: 1, hardwareAddress: MAC });
  assert.ok(parseDhcpv4(good.slice(0, 240)) !== null, 'no end mark');
  assert.equal(parseDhcpv4(good.slice(0, 239)), null);
  const cookie = good.slice();
  cookie[236] = 0;
  assert.equal(parseDhcpv4(cookie), null);
  const hardware = good.slice();
  hardware[2] = 17;
  assert.equal(parseDhcpv4(hardware), null);
  const cut = Uint8Array.from([...good.subarray(0, 240), 1, 4, 255]);
  assert.equal(parseDhcpv4(cut), null);
  // Options of a wrong length are not read, yet are there.
  const odd = new Map([
    [Dhcpv4Option.SUBNET_MASK, hex('ffffff')],
    [Dhcpv4Option.ROUTERS, hex('0a000001aa')],
    [Dhcpv4Option.DOMAIN_SEARCH, hex('c000')],
    [Dhcpv4Option.CLASSLESS_ROUTES, hex('210a0000010a000001')],
    [Dhcpv4Option.HOST_NAME, hex('686f737400')],
  ]);
  assert.deepEqual(readDhcpv4Options(odd), { hostName: 'host' });
});

test('compressed domain names, RFC 3397 §2', () => {
  const raw = new Map([
    [Dhcpv4Option.DOMAIN_SEARCH, hex('03656e67 056170706c65 03636f6d 00 096d61726b6574696e67 c004')],
  ]);
  assert.deepEqual(readDhcpv4Options(raw).domainSearch, ['eng.apple.com', 'marketing.apple.com']);
});

test('wrong values are refused', () => {
  assert.throws(() => writeDhcpv4Options({ mtu: 70_000 }), { option: 'mtu' });
  assert.throws(() => writeDhcpv4Options({ subnetMask: '2001:db8::' }), { option: 'subnetMask' });
  assert.throws(() => writeDhcpv4Options({ nope: 1 } as Dhcpv4Options), { option: 'nope' });
  assert.throws(() => writeDhcpv4Options({ domainSearch: ['a..b'] }), { option: 'domainSearch' });
  assert.throws(
    () => writeDhcpv4Options({ classlessRoutes: [{ destination: '10.0.0.0', gateway: '10.0.0.1' }] }),
    { option: 'classlessRoutes' },
  );
  assert.throws(() => emitDhcpv4({ op: 1, xid: 1, hardwareAddress: new Uint8Array(17) }), {
    option: 'hardwareAddress',
  });
  const options = new Map([[255, new Uint8Array(1)]]);
  assert.throws(() => emitDhcpv4({ op: 1, xid: 1, hardwareAddress: MAC, options }), { option: 'options' });
});

test('printed', () => {
  const options = writeDhcpv4Options({ messageType: 2, serverId: '10.0.0.1' });
  const bytes = emitDhcpv4({
    op: 2,
    xid: 0x1234,
    hardwareAddress: MAC,
    yourAddress: parseIp('10.0.0.5'),
    options,
  });
  assert.equal(
    printDhcpv4(bytes),
    'DHCP offer, xid 0x1234, 02:00:00:00:00:01, yiaddr 10.0.0.5, server 10.0.0.1',
  );
  assert.equal(printDhcpv4(new Uint8Array(9)), 'DHCP');
});

test('tshark reads the same', { skip: tsharkMissing }, () => {
  const options = new Map(writeDhcpv4Options(OFFER));
  for (let code = 200; code < 205; code++) options.set(code, new Uint8Array(40).fill(code));
  const payload = emitDhcpv4({
    op: 2,
    xid: 0xdeadbeef,
    hardwareAddress: MAC,
    yourAddress: parseIp('10.0.0.5'),
    options,
  });
  const frame = buildUdpFrame({
    sourceMac: '02:00:00:00:00:09',
    destinationMac: MAC,
    source: '10.0.0.1',
    destination: '10.0.0.5',
    sourcePort: 67,
    destinationPort: 68,
    payload,
  });
  const names = [
    'dhcp.id',
    'dhcp.ip.your',
    'dhcp.option.dhcp',
    'dhcp.option.ip_address_lease_time',
    'dhcp.option.router',
    'dhcp.option.option_overload',
    'dhcp.option.domain_name',
    'dhcp.option.dhcp_server_id',
    'dhcp.option.interface_mtu',
    '_ws.malformed',
  ] as const;
  const [row] = tsharkFields(pcapOf([frame]), names, { preferences: [] });
  assert.deepEqual(
    names.map((name) => row![name].join(' ')),
    ['0xdeadbeef', '10.0.0.5', '2', '3600', '10.0.0.1 10.0.0.2', '3', 'example.org', '10.0.0.1', '1400', ''],
  );
});

/** A reply with this options area, byte by byte. */
function reply(options: string): Uint8Array {
  return hex(`02010600 00000001 00000000 00000000 0a000005 ${'00'.repeat(8)} 020000000001${'00'.repeat(202)}
    63825363 ${options}`);
}

test('an option of fixed length that is there twice counts by its first bytes', () => {
  const { options } = parseDhcpv4(
    reply('350102 36040a000001 36040a000001 33040000003c 0104ffffff00 0104ffffff00 ff'),
  )!;
  assert.deepEqual(readDhcpv4Options(options), {
    messageType: Dhcpv4Type.OFFER,
    serverId: '10.0.0.1',
    leaseTime: 60,
    subnetMask: '255.255.255.0',
  });
});

test('every option of fixed length: the first of two counts, and one that is too short none', () => {
  const all: [number, string, string, string, unknown][] = [
    [1, 'subnetMask', 'ffffff00', 'ffff0000', '255.255.255.0'],
    [26, 'mtu', '0578', '05dc', 1400],
    [28, 'broadcastAddress', '0a0000ff', '0a00ffff', '10.0.0.255'],
    [50, 'requestedAddress', '0a000009', '0a000008', '10.0.0.9'],
    [51, 'leaseTime', '0000003c', '00000001', 60],
    [53, 'messageType', '02', '05', 2],
    [54, 'serverId', '0a000001', '0a000002', '10.0.0.1'],
    [57, 'maxMessageSize', '0240', '05c0', 576],
    [58, 'renewalTime', '0000001e', '00000001', 30],
    [59, 'rebindingTime', '00000034', '00000001', 52],
  ];
  const option = (code: number, value: string) => Buffer.of(code, value.length / 2).toString('hex') + value;
  for (const [code, name, first, second, value] of all) {
    const twice = parseDhcpv4(reply(`${option(code, first)}${option(code, second)}ff`))!;
    assert.deepEqual(readDhcpv4Options(twice.options), { [name]: value }, name);
    const short = parseDhcpv4(reply(`${option(code, first.slice(2))}ff`))!;
    assert.deepEqual(readDhcpv4Options(short.options), {}, `${name}, cut`);
  }
});
