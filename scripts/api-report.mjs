/**
 * Writes packages/etherconn/api.txt: every declaration that users of the package can reach, by entry, without comments. A
 * change of the public API so is a change of a file that is seen in review (`npm run api`, compared by `npm run check`).
 *
 * Declarations that no entry exports, but that exported ones mention, are part of the API as well: they come last.
 *
 * TypeScript calls its programming interface unstable: a new TypeScript may need changes here.
 *
 *   node scripts/api-report.mjs [--check]   --check: writes nothing, and fails when the file is not what the sources give
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SyntaxKind } from 'typescript/unstable/ast';
import { API, SymbolFlags } from 'typescript/unstable/sync';

const root = fileURLToPath(new URL('..', import.meta.url));
const home = join(root, 'packages/etherconn');
const file = join(home, 'api.txt');
/** Below the workspace, so that the types of Node are found. */
const folder = join(root, `node_modules/.cache/api-report-${process.pid}`);

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });

/** The package's declarations, without comments. */
function declarations() {
  const options = ['--outDir', folder, '--emitDeclarationOnly', '--removeComments'];
  const args = ['-p', home, ...options, '--declarationMap', 'false', '--incremental', 'false'];
  const { status, stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stdout);
}

/** The entries of the package: their names, and the files with their declarations. */
function entries() {
  const { name, exports } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  return Object.entries(exports)
    .filter(([, conditions]) => typeof conditions === 'object')
    .map(([path, { types }]) => ({
      name: join(name, path),
      file: join(folder, relative('dist', types)),
    }));
}

function write() {
  const config = join(folder, 'tsconfig.json');
  const list = entries();
  // As strict as a user can be, so that the declarations stand for themselves.
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2022', 'esnext.disposable'],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: ['node'],
    allowImportingTsExtensions: true,
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, files: list.map(({ file }) => file) }));
  const api = new API({ cwd: folder });
  try {
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config);
    const faults = project.program.getSemanticDiagnostics();
    for (const { fileName, text } of faults) console.error(`${fileName}: ${text}`);
    if (faults.length > 0) throw new Error('the declarations do not compile by themselves');
    return new Report(project).write(list);
  } finally {
    api.close();
  }
}

/** Collects declarations of a project, and what they mention. */
class Report {
  #project;
  #checker;
  /** Ids of symbols whose declarations are written. */
  #written = new Set();
  /** Symbols that were mentioned, by id. */
  #mentioned = new Map();

  constructor(project) {
    this.#project = project;
    this.#checker = project.checker;
  }

  write(list) {
    const parts = list.map(({ name, file }) => `## ${name}\n\n${this.#entry(file)}`);
    // What is mentioned mentions more.
    const others = [];
    for (;;) {
      const [id, symbol] = [...this.#mentioned].find(([id]) => !this.#written.has(id)) ?? [];
      if (symbol === undefined) break;
      this.#written.add(id);
      others.push(this.#declaration(symbol));
    }
    const last = `## Mentioned, and exported by no entry\n\n${others.sort().join('\n')}`;
    const head =
      'The public API of etherconn, written by `npm run api`. A change here is a change for users.\n';
    return `${[head, ...parts, last].join('\n')}`;
  }

  #entry(file) {
    const module = this.#checker.getSymbolAtLocation(this.#project.program.getSourceFile(file));
    const symbols = [...this.#checker.getExportsOfModule(module)].map((symbol) => {
      const { flags } = symbol;
      return {
        name: symbol.name,
        target: flags & SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol,
      };
    });
    symbols.sort((a, b) => (a.name < b.name ? -1 : 1));
    return symbols.map(({ name, target }) => this.#exported(name, target)).join('\n');
  }

  #exported(name, symbol) {
    // Under another name, or by more than one entry.
    if (this.#written.has(symbol.id))
      return `export { ${symbol.name === name ? name : `${symbol.name} as ${name}`} }\n`;
    this.#written.add(symbol.id);
    const text = this.#declaration(symbol);
    return symbol.name === name ? text : `${text.trimEnd()}\nexport { ${symbol.name} as ${name} }\n`;
  }

  #declaration(symbol) {
    return symbol.declarations
      .map((handle) => handle.resolve())
      .map((node) => {
        this.#mentions(node);
        return reachable(statement(node));
      })
      .join('\n')
      .concat('\n');
  }

  /** Notes what of the package's own declarations a node mentions. */
  #mentions(node) {
    const names = [];
    const visit = (child) => {
      if (child.kind === SyntaxKind.Identifier) names.push(child);
      if (!isHidden(child)) child.forEachChild(visit);
    };
    node.forEachChild(visit);
    for (let symbol of this.#checker.getSymbolAtLocation(names)) {
      if (symbol === undefined) continue;
      if (symbol.flags & SymbolFlags.Alias) symbol = this.#checker.getAliasedSymbol(symbol);
      const [declaration] = symbol.declarations ?? [];
      // Of the package, and not a member or a parameter.
      if (!declaration?.path.startsWith(folder)) continue;
      const kind = declaration.resolve();
      if (statement(kind).parent?.kind === SyntaxKind.SourceFile && isTopLevel(kind))
        this.#mentioned.set(symbol.id, symbol);
    }
  }
}

/** A variable's declaration is a part of its statement. */
function statement(node) {
  return node.kind === SyntaxKind.VariableDeclaration ? node.parent.parent : node;
}

function isTopLevel(node) {
  return [
    SyntaxKind.ClassDeclaration,
    SyntaxKind.InterfaceDeclaration,
    SyntaxKind.TypeAliasDeclaration,
    SyntaxKind.FunctionDeclaration,
    SyntaxKind.VariableDeclaration,
    SyntaxKind.EnumDeclaration,
  ].includes(node.kind);
}

/** The text of a declaration without the members that users cannot reach. */
function reachable(node) {
  let text = node.getText();
  const start = node.getStart();
  for (const member of (node.members ?? []).filter(isHidden).reverse()) {
    text = text.slice(0, member.pos - start) + text.slice(member.end - start);
  }
  return text;
}

function isHidden(node) {
  const hidden = [SyntaxKind.PrivateKeyword, SyntaxKind.ProtectedKeyword];
  return (
    node.name?.kind === SyntaxKind.PrivateIdentifier ||
    Boolean(node.modifiers?.some(({ kind }) => hidden.includes(kind)))
  );
}

function fail(report) {
  const now = join(root, 'node_modules/.cache/api.txt');
  writeFileSync(now, report);
  spawnSync('diff', ['-u', '--label', 'packages/etherconn/api.txt', file, '--label', 'the sources', now], {
    stdio: 'inherit',
  });
  console.error('the public API has changed: npm run api writes it, for the review');
  process.exit(1);
}

let report;
try {
  declarations();
  report = write();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (!values.check) writeFileSync(file, report);
else if (!existsSync(file) || readFileSync(file, 'utf8') !== report) fail(report);
