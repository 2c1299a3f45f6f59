#!/usr/bin/env node
// The command lives in @etherconn/cli, so that the library needs none of its dependencies. This makes
// `npx etherconn` find it for those who installed both.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const CLI = '@etherconn/cli';

/** Where the command is: beside this package, or (with strict package managers) in the user's project. */
function locate() {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return pathToFileURL(createRequire(from).resolve(CLI)).href;
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return undefined;
}

const url = locate();
if (url === undefined) {
  process.stderr.write(
    `etherconn: the command is in a package of its own, which is not installed. Either of these gets it:\n` +
      `  npm install ${CLI}\n` +
      `  npx ${CLI} ${process.argv.slice(2).join(' ') || '--help'}\n`,
  );
  process.exitCode = 1;
} else {
  const { run } = await import(url);
  await run(process.argv);
}
