/** The pages of docs/ in the order of the site's sidebar: title, and file without its ending. */
export const PAGES = [
  {
    text: 'Start',
    pages: [
      ['Getting started', 'getting-started'],
      ['Installation', 'installation'],
      ['Concepts', 'concepts'],
      ['Recipes', 'recipes'],
      ['Troubleshooting', 'troubleshooting'],
      ['Coming from other tools', 'coming-from'],
      ['Limits', 'limits'],
    ],
  },
  {
    text: 'Guides',
    pages: [
      ['Unit tests', 'guides/unit-tests'],
      ['DHCP clients', 'guides/dhcp-clients'],
      ['A DNS server on AF_XDP', 'guides/dns-server'],
      ['Captures', 'guides/captures'],
      ['Running without root', 'guides/without-root'],
      ['Docker and Kubernetes', 'guides/containers'],
      ['Tuning a network card', 'guides/tuning'],
      ['Several threads', 'guides/threads'],
    ],
  },
  {
    text: 'In depth',
    pages: [
      ['Hosts', 'hosts'],
      ['node:dgram on any address', 'dgram'],
      ['node:net on any address', 'net'],
      ['Conns', 'conns'],
      ['Frames', 'frames'],
      ['AF_XDP', 'xdp'],
      ['Security', 'security'],
      ['Parity with the Go package', 'parity'],
    ],
  },
  {
    text: 'Command',
    pages: [
      ['etherconn udp', 'commands/udp'],
      ['etherconn dhcp', 'commands/dhcp'],
      ['etherconn run', 'commands/run'],
      ['Scenarios', 'scenarios'],
      ['etherconn init', 'commands/init'],
      ['etherconn compare', 'commands/compare'],
      ['etherconn ping', 'commands/ping'],
      ['etherconn capture', 'commands/capture'],
      ['etherconn lab', 'commands/lab'],
      ['Campaigns', 'campaigns'],
      ['etherconn replay', 'commands/replay'],
      ['etherconn respond', 'commands/respond'],
      ['etherconn send', 'commands/send'],
      ['etherconn doctor', 'commands/doctor'],
      ['etherconn interfaces', 'commands/interfaces'],
    ],
  },
  {
    text: 'Measured and tested',
    pages: [
      ['Performance', 'performance'],
      ['Reliability', 'reliability'],
      ['Conformance', 'conformance'],
    ],
  },
  {
    text: 'Project',
    pages: [
      ['Architecture', 'architecture'],
      ['Dependencies', 'dependencies'],
      ['Contributing', 'project/contributing'],
      ['Security policy', 'project/security-policy'],
      ['Changelog', 'project/changelog'],
    ],
  },
];
