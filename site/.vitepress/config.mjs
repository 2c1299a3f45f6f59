import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitepress';

const sidebar = JSON.parse(readFileSync(new URL('../.generated/sidebar.json', import.meta.url), 'utf8'));

export default defineConfig({
  title: 'etherconn',
  description:
    'Ethernet of its own for Node.js: hosts, sockets and frames from any MAC address, VLAN and IP address',
  srcDir: '.generated',
  cleanUrls: false,
  // Every page and every link is checked by the build.
  ignoreDeadLinks: false,
  markdown: {
    // Types like Promise<number> in tables are text, not elements.
    html: true,
  },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/installation' },
      { text: 'API', link: '/api/' },
      { text: 'Performance', link: '/performance' },
    ],
    sidebar,
    // The index is part of the site: nothing is asked of anybody else.
    search: { provider: 'local' },
    outline: [2, 3],
  },
});
