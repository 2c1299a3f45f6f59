/** What tests ask of Markdown pages: their code blocks, and the files that they link to. */

/** The code blocks of a page in one language. */
export function blocksOf(page, language) {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, text]) => text);
}

/** The files that a page links to or shows, as it names them; no addresses, no places within a page. */
export function linksOf(page) {
  const links = [...page.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g)];
  return links
    .map(([, link, shown]) => (link ?? shown).replace(/#.*/, ''))
    .filter((link) => link !== '' && !/^[a-z]+:/.test(link));
}
