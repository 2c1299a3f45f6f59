import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { askWhatItDoes } from './inspector.mjs';
import { markedProcesses } from './processes.mjs';

const EVENTS = fileURLToPath(new URL('./events.mjs', import.meta.url));
/** Milliseconds in which a process begins to listen for a debugger. */
const LISTENING = 2000;

/** Process ids of the files that are running: what ends them when the runner is ended. */
export const running = new Set();

/**
 * Runs one test file in a process of its own, and ends that with all that it has started when it takes too long,
 * whatever keeps it open. Output goes to files, for a pipe stays open as long as any process that has inherited it.
 *
 * @param {string} file
 * @param {{ prefix: readonly string[], limit: number, cwd: string }} options `limit` in milliseconds
 * @returns {Promise<{ file: string, events: { type: string, data: any }[], output: string, failure?: string }>}
 *   `failure`: how the file has failed, beside its tests
 */
export async function runFile(file, { prefix, limit, cwd }) {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-test-'));
  try {
    const eventsFile = join(folder, 'events');
    const outputFile = join(folder, 'output');
    const mark = `ETHERCONN_TEST_EVENTS=${eventsFile}-${randomUUID()}`;
    const output = openSync(outputFile, 'w');
    const command = [
      ...prefix,
      process.execPath,
      '--enable-source-maps',
      '--inspect-port=127.0.0.1:0',
      `--test-reporter=${EVENTS}`,
      '--test-reporter-destination=stdout',
      file,
    ];
    const child = spawn(command[0], command.slice(1), {
      cwd,
      stdio: ['ignore', output, output],
      env: { ...process.env, ETHERCONN_TEST_EVENTS: mark.slice(mark.indexOf('=') + 1) },
      // A process group of its own.
      detached: true,
    });
    closeSync(output);
    running.add(child.pid);
    const ended = once(child, 'exit');
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, limit, 'late');
    });
    const first = await Promise.race([ended, late]);
    clearTimeout(timer);
    const account = first === 'late' ? await endHung(child, ended, { mark, outputFile }) : undefined;
    running.delete(child.pid);
    const events = readEvents(mark.slice(mark.indexOf('=') + 1));
    const failure =
      account === undefined ? failureOf(await ended, events) : hungText(limit, unfinished(events), account);
    return { file, events, output: account?.output ?? readFileSync(outputFile, 'utf8'), failure };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Finds out what a process does, and ends it with all of its descendants. */
async function endHung(child, ended, { mark, outputFile }) {
  const children = markedProcesses(mark).filter(({ pid }) => pid !== child.pid);
  const output = readFileSync(outputFile, 'utf8');
  let doing;
  try {
    child.kill('SIGUSR1');
    doing = await askWhatItDoes(await debuggerPort(outputFile, output.length));
  } catch (error) {
    doing = { stack: [], handles: [], silent: error.message };
  }
  for (const { pid } of [...markedProcesses(mark), { pid: child.pid }]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  await ended;
  return { ...doing, children, output };
}

async function debuggerPort(outputFile, before) {
  for (const end = performance.now() + LISTENING; performance.now() < end; await sleep(20)) {
    const said = readFileSync(outputFile, 'utf8').slice(before);
    const port = /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(said)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error('it listens for no debugger');
}

function readEvents(file) {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  // What a killed process has written last may be half a line.
  lines.pop();
  return lines.map((line) => JSON.parse(line));
}

function failureOf([status, signal], events) {
  if (signal !== null) return `its process was ended by ${signal}${during(unfinished(events))}`;
  if (events.some(({ type }) => type === 'test:fail')) return undefined;
  if (status !== 0) return `its process ended with status ${status}${during(unfinished(events))}`;
  const complete = events.some(({ type, data }) => type === 'test:plan' && data.nesting === 0);
  return complete ? undefined : `its process ended before its tests did${during(unfinished(events))}`;
}

function during(names) {
  return names.length === 0 ? '' : `, during: ${names.join('; ')}`;
}

/** Full names of the tests that have begun and not ended, without the suites that they are in. */
function unfinished(events) {
  const open = [];
  const path = [];
  for (const { type, data } of events) {
    if (type === 'test:dequeue') {
      path.length = data.nesting;
      path.push(data.name);
      open.push({ name: data.name, nesting: data.nesting, path: [...path], suite: data.type === 'suite' });
    } else if (type === 'test:complete' || type === 'test:pass' || type === 'test:fail') {
      const at = open.findLastIndex(({ name, nesting }) => name === data.name && nesting === data.nesting);
      if (at >= 0) open.splice(at, 1);
    }
  }
  const holds = (one) =>
    open.some(({ path }) => path.length > one.path.length && path[one.nesting] === one.name);
  return open.filter((one) => !one.suite && !holds(one)).map((one) => one.path.join(' > '));
}

function hungText(limit, tests, { stack, handles, children, silent }) {
  const list = (title, lines) =>
    lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`)];
  return [
    `had not ended after ${limit / 1000} s, and was killed`,
    ...list('Tests that had begun', tests.length === 0 ? ['none: all that had begun were through'] : tests),
    ...list('It was running', stack),
    ...list('It was kept open by', handles),
    ...list(
      'It had started',
      children.map(({ pid, command }) => `${pid} ${command}`),
    ),
    ...(silent === undefined
      ? []
      : [
          `It could not be asked: ${silent} (it is in a system call, stopped, or in a network namespace of its own).`,
        ]),
  ].join('\n');
}
