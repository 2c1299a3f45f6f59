import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Modules of a page's script that all pages have; each imports only from those before it. */
const MODULES = ['elements.js', 'format.js', 'table.js', 'plots.js'];

export interface Page {
  readonly title: string;
  readonly heading: string;
  /** What came of it; null when nothing was asked. */
  readonly badge: { readonly text: string; readonly isGood: boolean } | null;
  /** A line below the heading. */
  readonly subtitle?: string;
  /** What the script reads. */
  readonly data: object;
  /** Its modules besides {@link MODULES}; the last one makes the page. */
  readonly modules: readonly string[];
}

/** One HTML file that needs nothing else: style, script and data are in it. */
export function pageHtml({ title, heading, badge, subtitle, data, modules }: Page): string {
  const require = createRequire(import.meta.url);
  const plot = (file: string): string => readFileSync(require.resolve(`uplot/dist/${file}`), 'utf8');
  const verdict =
    badge === null
      ? ''
      : `<span class="badge ${badge.isGood ? 'good' : 'bad'}">${htmlText(badge.text)}</span>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${htmlText(title)}</title>
<style>
${plot('uPlot.min.css')}
${asset('style.css')}
</style>
</head>
<body>
<main>
<header>
<h1>${htmlText(heading)}</h1>
${verdict}
${subtitle === undefined ? '' : `<p>${htmlText(subtitle)}</p>`}
</header>
<noscript>This report needs JavaScript. It loads nothing from the network.</noscript>
</main>
<script type="application/json" id="data">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>
<script>
${plot('uPlot.iife.min.js')}
</script>
<script type="module">
${[...MODULES, ...modules].map(joined).join('\n')}
</script>
</body>
</html>
`;
}

function asset(file: string): string {
  return readFileSync(new URL(`../../../assets/report/${file}`, import.meta.url), 'utf8');
}

/** A module as a part of the one script: a page from a file cannot import others. */
function joined(file: string): string {
  return asset(file)
    .replace(/^import [^;]*;\n/gm, '')
    .replace(/^export /gm, '');
}

function htmlText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
