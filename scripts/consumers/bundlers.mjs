/**
 * A program over the memory network in one file, by each bundler, as ES module and as CommonJS. Opening an interface in it
 * says why that cannot be; with the package kept out of the bundle it finds the addon. The bundles run in another folder
 * than they were made in, as they do where they are deployed.
 */
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { bin, install, project, report, run, tarball } from './workshop.mjs';

const ESBUILD = ['--bundle', '--platform=node', '--log-level=error'];
const PLUGINS = '@rollup/plugin-node-resolve,@rollup/plugin-commonjs';

/** The arguments of each bundler. `file` is what it writes; `extension` is 'mjs' or 'cjs'. */
const BUNDLERS = {
  esbuild: {
    packages: ['esbuild@latest'],
    args: (file, format, external) => [
      ...['memory.js', ...ESBUILD, `--format=${format}`, `--outfile=${file}`],
      ...(external ? ['--external:etherconn'] : []),
    ],
  },
  rollup: {
    packages: ['rollup@latest', '@rollup/plugin-node-resolve@latest', '@rollup/plugin-commonjs@latest'],
    args: (file, format, external) => [
      ...['memory.js', '--silent', '--plugin', PLUGINS, `--format=${format}`, `--file=${file}`],
      // One file, whatever is imported when it is needed only.
      ...['--output.inlineDynamicImports', ...(external ? ['--external', 'etherconn'] : [])],
    ],
  },
  webpack: {
    packages: ['webpack@latest', 'webpack-cli@latest'],
    args: () => ['--config', 'webpack.config.mjs'],
  },
};

export function bundlers(quick) {
  for (const [name, { packages, args }] of Object.entries(BUNDLERS)) {
    if (quick && name !== 'esbuild') continue;
    const home = project(`bundled by ${name}`, 'bundled');
    install(home, tarball, ...packages);
    for (const format of ['esm', 'cjs']) {
      for (const external of [false, true]) {
        const what = `${name}, ${format}, ${external ? 'the package beside it' : 'in one file'}`;
        const file = `out.${format === 'cjs' ? 'cjs' : 'mjs'}`;
        const env = { BUNDLE_FILE: file, BUNDLE_EXTERNAL: external ? '1' : '' };
        if (!report(what, run(home, bin(home, name), args(file, format, external), env))) continue;
        const deployed = join(home, `deployed ${format} ${external}`);
        // Who has bundled all of it does not deploy it beside that.
        const installed = join(home, 'node_modules');
        const there = external ? join(deployed, 'node_modules') : join(home, 'elsewhere');
        mkdirSync(deployed);
        renameSync(join(home, file), join(deployed, file));
        renameSync(installed, there);
        report(
          `${what}: runs`,
          run(deployed, process.execPath, [file], { EXPECT_ADDON: external ? '1' : '' }),
        );
        renameSync(there, installed);
      }
    }
  }
}
