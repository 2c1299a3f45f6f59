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

/** The places within pages that a page links to: the file as it names it ('' for itself) and the heading's id. */
export function placeLinksOf(page) {
  const links = page.matchAll(/\]\(([^)\s#]*)#([^)\s]+)\)/g);
  return [...links].map(([, file, place]) => ({ file, place })).filter(({ file }) => !/^[a-z]+:/.test(file));
}

/** The ids of a page's headings, as GitHub makes them. */
export function placesOf(page) {
  const headings = page.replace(/^```.*?^```/gms, '').matchAll(/^#+ (.*)$/gm);
  const id = (heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- _]/gu, '')
      .trim()
      .replaceAll(' ', '-');
  return new Set([...headings].map(([, heading]) => id(heading)));
}
