import { ADDRESSES4, ADDRESSES6, type Dice, MACS, PORTS, VLANS } from './filter-frames.ts';

const FIELDS = [
  ...[
    'ether[0]',
    'ether[12:2]',
    'ether[6:4]',
    'ip[0]',
    'ip[6:2]',
    'ip[12:4]',
    'ip[8]',
    'ip6[6]',
    'ip6[40:2]',
    'arp[6:2]',
  ],
  ...[
    'tcp[tcpflags]',
    'tcp[0:2]',
    'tcp[12]',
    'udp[4:2]',
    'icmp[icmptype]',
    'icmp6[icmp6type]',
    'sctp[2:2]',
    'igmp[0]',
  ],
  ...['len', 'ether[14:2]', 'tcp[((tcp[12] & 0xf0) >> 2) - 4]', 'ip[(ip[0] & 15) << 2]', 'rarp[7]'],
];
/** libpcap asks only of the left side of a calculation whether its protocol is there. */
const ALWAYS_THERE = ['len', 'ether[0]', 'ether[12:2]', 'ether[6:4]'];
const CONSTANTS = [
  '0',
  '1',
  '2',
  '0x1fff',
  '0x0800',
  '6',
  '0x45',
  '53',
  '80',
  'tcp-syn',
  'icmp-echo',
  '100',
  '0x0a000001',
];

/** An expression that tcpdump understands, nested up to `depth`. */
export function randomExpression(dice: Dice, depth: number): string {
  const choice = depth === 0 ? 0 : dice.below(8);
  const inner = (): string => randomExpression(dice, depth - 1);
  if (choice < 3) return primitive(dice);
  if (choice === 3) return `not ${atom(inner())}`;
  if (choice < 6) return `${inner()} and ${inner()}`;
  if (choice === 6) return `(${inner()}) or ${inner()}`;
  return `${inner()} or (${inner()})`;
}

function atom(expression: string): string {
  return `(${expression})`;
}

function primitive(dice: Dice): string {
  const direction = dice.of(['', '', 'src ', 'dst ', 'src or dst ', 'src and dst ']);
  const port = (): number => dice.of(PORTS);
  switch (dice.below(16)) {
    case 0:
      return `${dice.of(['', 'ip ', 'arp ', 'rarp '])}${direction}host ${dice.of(ADDRESSES4)}`;
    case 1:
      return `${dice.of(['', 'ip6 '])}${direction}host ${dice.of(ADDRESSES6)}`;
    case 2:
      return `${dice.of(['', 'ip '])}${direction}net ${dice.of(['10.0.0.0/8', '10', '10.0', '192.168.7.9/32', '10.0.0.0 mask 255.255.255.0', '224.0.0.0/4', '10.0.0.0/31'])}`;
    case 3:
      return `${direction}net ${dice.of(['2001:db8::/32', '2001:db8::/48', 'fe80::/10', 'ff00::/8', '2001:db8::7/128'])}`;
    case 4:
      return `${dice.of(['', 'tcp ', 'udp ', 'sctp '])}${direction}port ${port()}`;
    case 5:
      return `${dice.of(['', 'tcp ', 'udp '])}${direction}portrange ${port()}-${port()}`;
    case 6:
      return dice.of([
        'tcp',
        'udp',
        'sctp',
        'icmp',
        'icmp6',
        'ip',
        'ip6',
        'arp',
        'rarp',
        'igmp',
        'ah',
        'esp',
        'pim',
        'vrrp',
      ]);
    case 7:
      return dice.of([
        'proto 17',
        'ip proto 6',
        'ip6 proto 58',
        'ether proto 0x0806',
        'ip proto 2',
        'ip6 proto 6',
        'ether proto 0x42',
        'ether proto 254',
      ]);
    case 8:
      return `ether ${dice.of(['host', 'src', 'dst', 'src or dst'])} ${dice.of(MACS)}`;
    case 9:
      return dice.of([
        'broadcast',
        'multicast',
        'ether broadcast',
        'ether multicast',
        'ip multicast',
        'ip6 multicast',
      ]);
    case 10:
      return dice.of(['vlan', ...VLANS.map((id) => `vlan ${id}`)]);
    case 11:
      return `${dice.of(['less', 'greater'])} ${dice.of([60, 64, 80, 100, 150])}`;
    case 12:
      return `${dice.of(['port', 'tcp port', 'udp src port'])} (${port()} or ${port()})`;
    case 13:
      return `${dice.of(FIELDS)} & ${dice.of(CONSTANTS.slice(1))} ${dice.of(['=', '!='])} ${dice.of(CONSTANTS)}`;
    default:
      return `${arithmetic(dice)} ${dice.of(['=', '!=', '<', '>', '<=', '>='])} ${dice.below(3) === 0 ? arithmetic(dice) : dice.of(CONSTANTS)}`;
  }
}

function arithmetic(dice: Dice): string {
  const field = dice.of(FIELDS);
  switch (dice.below(6)) {
    case 0:
      return `(${field} ${dice.of(['+', '-', '|', '^'])} ${dice.of(CONSTANTS)})`;
    case 1:
      return `(${field} ${dice.of(['*', '/', '%'])} ${dice.of(CONSTANTS.slice(1))})`;
    case 2:
      return `(${field} ${dice.of(['<<', '>>'])} ${dice.below(9)})`;
    case 3:
      return `(${field} ${dice.of(['+', '-', '&', '*'])} ${dice.of(ALWAYS_THERE)})`;
    default:
      return field;
  }
}
