import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

/** `import … from`, `export … from`, `import '…'`, `import('…')` of a file; type imports count, too. */
const IMPORTS = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)(['"])(\.{1,2}\/[^'"]+)\1/g;

/** Prints every circle of files that import each other; returns whether there is none. */
export function checkCircles(source) {
  const circles = circlesOf(importsOf(source));
  for (const circle of circles) console.log(`these import each other in a circle: ${circle.join(' → ')}`);
  return circles.length === 0;
}

/** Which files of a folder (tests apart) each of them imports, by path inside of it. */
function importsOf(source) {
  const files = readdirSync(source, { recursive: true })
    .map((file) => String(file).replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  const known = new Set(files);
  return new Map(
    files.map((file) => {
      const text = withoutComments(readFileSync(join(source, file), 'utf8'));
      const targets = [...text.matchAll(IMPORTS)].map(([, , path]) => posix.join(dirname(file), path));
      return [file, targets.filter((target) => known.has(target))];
    }),
  );
}

/** Examples in docstrings import things, too. */
function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

/**
 * Strongly connected parts of the graph that have more than one file (Tarjan's algorithm), each as the shortest circle
 * through its first file.
 */
export function circlesOf(imports) {
  const index = new Map();
  const low = new Map();
  const stack = [];
  const circles = [];
  const visit = (file) => {
    index.set(file, index.size);
    low.set(file, index.get(file));
    stack.push(file);
    for (const target of imports.get(file) ?? []) {
      if (!index.has(target)) {
        visit(target);
        low.set(file, Math.min(low.get(file), low.get(target)));
      } else if (stack.includes(target)) {
        low.set(file, Math.min(low.get(file), index.get(target)));
      }
    }
    if (low.get(file) !== index.get(file)) return;
    const part = stack.splice(stack.indexOf(file));
    if (part.length > 1 || (imports.get(file) ?? []).includes(file))
      circles.push(shortestCircle(imports, part.sort()));
  };
  for (const file of [...imports.keys()].sort()) if (!index.has(file)) visit(file);
  return circles;
}

function shortestCircle(imports, part) {
  const inside = new Set(part);
  const [start] = part;
  const paths = [[start]];
  const seen = new Set();
  for (const path of paths) {
    for (const target of imports.get(path.at(-1)) ?? []) {
      if (target === start) return [...path, start];
      if (!inside.has(target) || seen.has(target)) continue;
      seen.add(target);
      paths.push([...path, target]);
    }
  }
  return [...part, start];
}
