/** What the package offers: its entry points as package.json names them, and the public members of classes by their declarations. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../packages/etherconn/', import.meta.url));
/** Entry points that export nothing to call. */
const WITHOUT_EXPORTS = ['./register-dgram', './package.json'];

/** [entry point, its exports]. */
export async function entryPoints() {
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const names = Object.keys(exports).filter((name) => !WITHOUT_EXPORTS.includes(name));
  return Promise.all(names.map(async (name) => [name, await import(join(folder, exports[name].default))]));
}

const declarations = readdirSync(join(folder, 'dist'), { recursive: true })
  .filter((file) => file.endsWith('.d.ts') && !/^test(ing|-support)\//.test(file) && !file.includes('.test.'))
  .map((file) => readFileSync(join(folder, 'dist', file), 'utf8'));

/** Class or interface name → its public members and what it extends. */
const types = new Map();
/** Names of all options, for objects that look like right ones. */
export const optionNames = [];

const HEAD = /^(?:export )?(?:declare )?(abstract )?(class|interface) (\w+)/;
const MEMBER =
  /^ {4}((?:(?:static|abstract|readonly|get|set|private|protected) )*)(\[[\w.]+\]|#?\w+)\??[(<:;]/;

for (const text of declarations) {
  let type = null;
  let comment = '';
  for (const line of text.split('\n')) {
    const head = HEAD.exec(line);
    if (head !== null) {
      const [, abstract, kind, name] = head;
      type = types.get(name) ?? {
        kind,
        names: new Set(),
        parents: [],
        constructible: abstract === undefined,
      };
      type.isOptions = /(?:Options|Impairments|Packet|Address)$/.test(name);
      types.set(name, type);
      comment = '';
    }
    const parents = / extends ([\w<>, .{}]+?)(?: \{$| implements |$)/.exec(line);
    if (head !== null && parents !== null) type.parents.push(...parents[1].replace(/<.*/, '').match(/\w+/g));
    if (line === '}') type = null;
    if (type === null || head !== null) continue;
    if (/^ {4}(?:\/\*\*| \*)/.test(line)) {
      comment = line.startsWith('    /**') ? line : comment + line;
      continue;
    }
    const member = MEMBER.exec(line);
    if (member === null) continue;
    const [, modifiers, name] = member;
    const hidden = /private|protected/.test(modifiers) || comment.includes('@internal');
    comment = '';
    if (name === 'constructor') type.constructible &&= !hidden;
    else if (!hidden) type.names.add(name);
    if (type.isOptions && !optionNames.includes(name)) optionNames.push(name);
  }
}

/** Whether a class may be made by its users. */
export function isConstructible(name) {
  return types.get(name)?.constructible ?? true;
}

/** Whether a static method of a class is declared to its users. */
export function isDeclared(name, method) {
  return namesOf(name).includes(method);
}

function namesOf(name) {
  const type = types.get(name);
  if (type === undefined) return [];
  // A class may have the name under which another file imports something else.
  const parents = type.parents.filter((parent) => types.get(parent)?.kind === type.kind);
  return [...type.names, ...parents.flatMap((parent) => namesOf(parent))];
}

/**
 * Public methods of an object, and accessors that can be set: [name, 'call' or 'set']. `typeName`: the interface that it
 * is known by, if not by its class.
 */
export function publicMembers(object, typeName) {
  const found = new Map();
  for (let proto = Object.getPrototypeOf(object); proto !== null; proto = Object.getPrototypeOf(proto)) {
    const known = new Set(namesOf(typeName ?? proto.constructor?.name));
    for (const [key, { value, set }] of Object.entries(Object.getOwnPropertyDescriptors(proto))) {
      if (key === 'constructor' || !known.has(key)) continue;
      if (typeof value === 'function') found.set(key, 'call');
      else if (set !== undefined) found.set(key, 'set');
    }
    if (known.size === 0) continue;
    for (const symbol of [Symbol.asyncDispose, Symbol.dispose, Symbol.asyncIterator])
      if (symbol !== undefined && Object.hasOwn(proto, symbol)) found.set(symbol, 'call');
  }
  return [...found];
}
