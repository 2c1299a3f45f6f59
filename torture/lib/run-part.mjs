import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { askWhatItDoes } from '../../scripts/test/inspector.mjs';

const RUNNER = fileURLToPath(new URL('../run-part.mjs', import.meta.url));
/** Seconds that a part may take beside its time: for processes that start and end, and waits that are given up. */
const PATIENCE = 60;
/** Milliseconds in which a process begins to listen for a debugger. */
const LISTENING = 1000;

/**
 * Runs one part on one engine in a process of its own: whatever becomes of that is a result.
 * @param {{ file: string, title: string, engine: string, seed: number, seconds: number }} options
 * @returns {Promise<import('./results.mjs').Result>}
 */
export async function runPart({ file, title, engine, seed, seconds }) {
  const argument = JSON.stringify({ engine, seed, seconds });
  const child = spawn(process.execPath, ['--inspect-port=127.0.0.1:0', RUNNER, file, argument], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const began = performance.now();
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors = (errors + chunk).slice(-4000);
  });
  let hung = '';
  const end = async () => {
    child.kill('SIGUSR1');
    await sleep(LISTENING);
    const port = /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(errors)?.[1];
    const account = await askWhatItDoes(Number(port)).catch(({ message }) => ({
      stack: [message],
      handles: [],
    }));
    hung = `had not ended in time; it was at\n${account.stack.join('\n')}\nand open were\n${account.handles.join('\n')}`;
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  const timer = setTimeout(end, 1000 * (3 * seconds + PATIENCE));
  const [status, signal] = await once(child, 'exit');
  clearTimeout(timer);
  const elapsed = performance.now() - began;
  const base = { file, title, engine, seed, elapsed };
  const line = /^\{.*\}$/m.exec(output)?.[0];
  if (line !== undefined) return { ...base, ...JSON.parse(line) };
  const how = hung !== '' ? hung : `ended by ${signal ?? `status ${status}`}`;
  return { ...base, counts: {}, failures: [`its process ${how}\n${errors}`], failed: 1 };
}
