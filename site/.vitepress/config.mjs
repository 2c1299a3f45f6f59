import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitepress';

const sidebar = JSON.parse(readFileSync(new URL('../.generated/sidebar.json', import.meta.url), 'utf8'));

/** Two stations on a wire. */
const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Cpath d='M4 16h24' stroke='%233451b2' stroke-width='3'/%3E%3Ccircle cx='7' cy='16' r='5' fill='%233451b2'/%3E%3Ccircle cx='25' cy='16' r='5' fill='%233451b2'/%3E%3C/svg%3E";

export default defineConfig({
  head: [['link', { rel: 'icon', href: icon }]],
  title: 'etherconn',
  description:
    'Ethernet of its own for Node.js: hosts, sockets and frames from any MAC address, VLAN and IP address',
  srcDir: '.generated',
  cleanUrls: false,
  // The sidebar is long: in one file, not in each page.
  metaChunk: true,
  // Every page and every link is checked by the build.
  ignoreDeadLinks: false,
  markdown: {
    // Types like Promise<number> in tables are text, not elements.
    html: true,
  },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/getting-started' },
      { text: 'Recipes', link: '/recipes' },
      { text: 'API', link: '/api/' },
      { text: 'Performance', link: '/performance' },
    ],
    sidebar,
    // The index is part of the site: nothing is asked of anybody else.
    search: { provider: 'local' },
    outline: [2, 3],
  },
});
