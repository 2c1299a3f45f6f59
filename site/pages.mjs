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
    ],
  },
  {
    text: 'Guides',
    pages: [
      ['Simulate DHCP clients', 'guides/dhcp-clients'],
      ['A DNS server on AF_XDP', 'guides/dns-server'],
      ['Unit tests with virtual time', 'guides/unit-tests'],
      ['Capture into Wireshark', 'guides/captures'],
      ['Run without root', 'guides/without-root'],
      ['Containers and Kubernetes', 'guides/containers'],
      ['Tune a network card', 'guides/tuning'],
      ['Several threads', 'guides/threads'],
    ],
  },
  {
    text: 'In depth',
    pages: [
      ['Hosts', 'hosts'],
      ['node:dgram on any address', 'dgram'],
      ['Conns', 'conns'],
      ['Frames', 'frames'],
      ['AF_XDP', 'xdp'],
      ['Security', 'security'],
      ['Parity with the Go package', 'parity'],
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
      ['Contributing', 'project/contributing'],
      ['Security policy', 'project/security-policy'],
      ['Changelog', 'project/changelog'],
    ],
  },
];
