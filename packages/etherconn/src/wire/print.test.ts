import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FrameName, frames } from '../test-support/frames.ts';
import { printFrame } from './print.ts';

const ETHERNET = '02:00:00:00:00:01 > 02:00:00:00:00:02';

const LINES: Partial<Record<FrameName, string>> = {
  arpRequest:
    '02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: ARP, Request who-has 10.0.0.2 tell 10.0.0.1',
  udp4Padded: `${ETHERNET}, ethertype IPv4 (0x0800), length 60: 10.0.0.1 > 10.0.0.2: UDP, ttl 64, id 7, length 33: UDP 1000 > 53, length 5`,
  udp4Later: `${ETHERNET}, ethertype IPv4 (0x0800), length 50: 10.0.0.1 > 10.0.0.2: UDP, ttl 64, id 9, fragment 24, length 36`,
  tcp4: `${ETHERNET}, ethertype IPv4 (0x0800), length 61: 10.0.0.1 > 10.0.0.2: TCP, ttl 64, id 1, DF, length 47: TCP 1234 > 80, flags [S.], seq 16909060, ack 84281096, win 1000, length 3`,
  sctp4: `${ETHERNET}, ethertype IPv4 (0x0800), length 50: 10.0.0.1 > 10.0.0.2: SCTP, ttl 64, id 1, length 36: SCTP 7 > 9, tag 3735928559, length 4`,
  icmpv4Echo: `${ETHERNET}, ethertype IPv4 (0x0800), length 46: 10.0.0.1 > 10.0.0.2: ICMP, ttl 64, id 1, length 32: ICMP echo request, id 4660, seq 5, length 12`,
  icmpv6Echo: `${ETHERNET}, ethertype IPv6 (0x86dd), length 66: 2001:db8::1 > 2001:db8::2: ICMPv6, hlim 64, length 12: ICMPv6 echo request, id 4660, seq 5, length 12`,
  routerSolicitation:
    '02:00:00:00:00:01 > 33:33:00:00:00:02, ethertype IPv6 (0x86dd), length 70: fe80::1 > ff02::2: ICMPv6, hlim 255, length 16: ICMPv6 router solicitation, source link-address 02:00:00:00:00:01',
  qinq: `${ETHERNET}, vlan 100 p 6 DEI, vlan 5, ethertype IPv6 (0x86dd), length 71: 2001:db8::1 > 2001:db8::2: UDP, hlim 64, length 9: UDP 1 > 2, length 1`,
  length8023: '02:00:00:00:00:01 > 01:80:c2:00:00:00, 802.3 length 7, length 60',
};

test('one line per frame', () => {
  for (const [name, line] of Object.entries(LINES)) assert.equal(printFrame(frames[name as FrameName]), line);
});

test('what is wrong stands in brackets', () => {
  assert.equal(
    printFrame(frames.udp4, 0, 43),
    `${ETHERNET}, ethertype IPv4 (0x0800), length 43: 10.0.0.1 > 10.0.0.2: UDP, ttl 64, id 7, length 33: UDP 1000 > 53, length 5 [ipv4: total length is over the bytes there]`,
  );
  assert.equal(printFrame(frames.udp4, 0, 3), 'length 3 [ethernet: header is not whole (under 14 bytes)]');
});
