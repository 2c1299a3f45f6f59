import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  arp,
  build,
  dhcpv4,
  ether,
  type FrameParts,
  ipv4,
  ipv6,
  LAYER_NAMES,
  neighborSolicitation,
  padding,
  payload,
  tcp,
  udp,
  vlan,
} from 'etherconn/frames';
import { Dhcpv4Type, NdOption, TcpFlag } from 'etherconn/wire';
import { parseFrameText, parseHexFrame } from './frame-text.ts';

function check(text: string, parts: FrameParts): void {
  assert.deepEqual(parseFrameText('FRAME', text), parts, text);
  build(parts);
}

test('the words are those of the frame builder', () => {
  const e = ether({ source: '02:00:00:00:00:01' });
  check('ether(source=02:00:00:00:00:01)', [e]);
  check(' ether( source = "02:00:00:00:00:01" ) / vlan( 100 ) / vlan ( id=5 , tpid=0x88a8 )', [
    e,
    vlan(100),
    vlan({ id: 5, tpid: 0x88a8 }),
  ]);
  check('ether/ipv4(ttl=3,dontFragment=true)/udp(destinationPort=53)/"a/b\\n\\"c\\""', [
    ether(),
    ipv4({ ttl: 3, dontFragment: true }),
    udp({ destinationPort: 53 }),
    'a/b\n"c"',
  ]);
  check("ether/ipv6(source=fd00::1,destination=::)/tcp(flags=TcpFlag.SYN|TcpFlag.ACK)/'x'", [
    ether(),
    ipv6({ source: 'fd00::1', destination: '::' }),
    tcp({ flags: TcpFlag.SYN | TcpFlag.ACK }),
    'x',
  ]);
  check('ether/arp()/padding(18)', [ether(), arp(), padding(18)]);
  check('ether(etherType=0x88b5)/payload("x")/payload(hex(de ad))/hex(BE:EF)', [
    ether({ etherType: 0x88b5 }),
    payload('x'),
    payload(Uint8Array.of(0xde, 0xad)),
    Uint8Array.of(0xbe, 0xef),
  ]);
  check(
    'ether/ipv6/neighborSolicitation(target=fd00::2,options=[{type=NdOption.SOURCE_LINK_LAYER,mac=02:00:00:00:00:01}])',
    [
      ether(),
      ipv6(),
      neighborSolicitation({
        target: 'fd00::2',
        options: [{ type: NdOption.SOURCE_LINK_LAYER, mac: '02:00:00:00:00:01' }],
      }),
    ],
  );
  check('ether/ipv4/udp/dhcpv4(xid=7,options={messageType=Dhcpv4Type.DISCOVER,hostName="7"})', [
    ether(),
    ipv4(),
    udp(),
    dhcpv4({ xid: 7, options: { messageType: Dhcpv4Type.DISCOVER, hostName: '7' } }),
  ]);
});

test('every layer of the builder can be written', () => {
  for (const name of LAYER_NAMES) {
    const text = `ether/${name}${name === 'padding' ? '(4)' : ''}`;
    assert.equal(parseFrameText('FRAME', text).length, 2, name);
  }
});

test('errors say what is wrong and where', () => {
  for (const [text, message] of [
    ['', /^FRAME: a layer, or text in quotes is missing, at character 1, the end$/],
    ['ether/', /a layer, or text in quotes is missing, at character 7/],
    ['ether/ip', /'ip' is no layer; there are ether, vlan, .*at character 7: 'ip'/],
    ['ether udp', /layers are separated by '\/', at character 7: 'udp'/],
    ['ether(source', /'=' and a value must follow source/],
    ['ether(source=)', /a value is missing, at character 14/],
    ['ether(source=x', /',' or '\)' must follow, at character 15, the end/],
    ['ether(dst=1)', /ether: dst: is not an option here; known are destination, source, etherType/],
    ['ether/tcp(flags=TcpFlag.SIN)', /no number 'TcpFlag\.SIN'; TcpFlag has FIN, SYN/],
    ['ether/tcp(flags=None.SIN)', /no number 'None\.SIN'/],
    ['ether/"x', /" is missing at the end of the text/],
    ['ether/hex(1', /'\)' is missing behind the bytes/],
    ['ether/hex(1)', /must have two hexadecimal digits for each byte, got '1'/],
    ['ether/mld(records=[1', /',' or '\]' must follow/],
    ['ether/ipv4(options={a=1)', /',' or '}' must follow/],
    ['ether/padding(-1)', /padding: /],
  ] as const)
    assert.throws(() => parseFrameText('FRAME', text), { message }, text);
});

test('hexadecimal frames', () => {
  for (const text of ['0x00ff 10', '00:ff:10', '00-FF-10', '00ff10\n'])
    assert.deepEqual([...parseHexFrame('FRAME', text)], [0, 255, 16], text);
  for (const text of ['', 'x', '123', '0x'])
    assert.throws(() => parseHexFrame('FRAME', text), { message: /must have two hexadecimal digits/ });
});
