/** What works in Node, Bun and Deno (tests/runtimes), against what docs/installation.md says. */
import { existsSync } from 'node:fs';
import { bin, install, project, report, run, skip, tarball } from './workshop.mjs';

/** They lack what the addon needs, and their built-in modules cannot be replaced. */
const NEEDS_NODE = ['register-dgram', 'addon', 'a real interface'];

export function runtimes() {
  const home = project('runtimes', 'runtimes');
  install(home, tarball, 'bun@latest', 'deno@latest');
  const privileged = process.platform === 'linux' && process.getuid() === 0;
  parts('Node', process.execPath, [], privileged ? [] : ['a real interface']);
  parts('Bun', bin(home, 'bun'), [], NEEDS_NODE);
  parts('Deno', bin(home, 'deno'), ['run', '--allow-all', '--node-modules-dir=manual'], NEEDS_NODE);

  function parts(name, command, args, without) {
    if (!existsSync(command)) return skip(name, 'npm has no build of it for this machine');
    const ended = run(home, command, [...args, 'parts.mjs']);
    if (!report(`${name} runs`, ended)) return;
    for (const { part, works, why = '' } of ended.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))) {
      const expected = !without.includes(part);
      const right = works === expected && (works || name === 'Node' || /needs Node\.js/.test(why));
      report(`${name}: ${part} ${expected ? 'works' : 'is refused'}`, { status: right ? 0 : 1, stdout: why });
    }
  }
}
