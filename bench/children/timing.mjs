/**
 * What the measured programs in JavaScript have in common: arguments, when to begin and to end, how to answer.
 */

/** The program's arguments: one text of JSON. */
export function readArguments() {
  return JSON.parse(process.argv[2] ?? '{}');
}

/**
 * Nanoseconds per item: `work` does `items` of them at each call. Warms up first.
 * @param {number} items
 * @param {() => void} work
 * @param {number} milliseconds
 */
export function nanosecondsPerItem(items, work, milliseconds) {
  runFor(work, milliseconds / 2);
  const { calls, elapsed } = runFor(work, milliseconds);
  return (elapsed * 1e6) / (calls * items);
}

/**
 * @param {() => void} work
 * @param {number} milliseconds
 */
function runFor(work, milliseconds) {
  const start = performance.now();
  let calls = 0;
  let elapsed = 0;
  do {
    for (let i = 0; i < 8; i++) work();
    calls += 8;
    elapsed = performance.now() - start;
  } while (elapsed < milliseconds);
  return { calls, elapsed };
}

/**
 * Calls back with each character that the suite sends. Does not keep the process alive when `keep` is false.
 * @param {(command: string) => void} callback
 */
export function onCommand(callback) {
  process.stdin.on('data', (chunk) => {
    for (const command of String(chunk)) if (command !== '\n') callback(command);
  });
}

/** Tells the suite that the program is ready. */
export function sayReady() {
  process.stdout.write('ready\n');
}

/** @param {Record<string, number>} result */
export function answer(result) {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** Microseconds of processor time that this process has used. */
export function cpuMicroseconds() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/**
 * Reports by how much counters have grown between 'b' and 'e', with time and processor time, then ends the process.
 * What is only there at the end is reported as it is.
 * @param {() => Record<string, number>} begin
 * @param {() => Record<string, number>} [end]
 */
export function countBetweenCommands(begin, end = begin) {
  let before = begin();
  let start = performance.now();
  let cpu = cpuMicroseconds();
  onCommand((command) => {
    if (command === 'b') {
      before = begin();
      start = performance.now();
      cpu = cpuMicroseconds();
      return;
    }
    const milliseconds = performance.now() - start;
    const cpuUsed = cpuMicroseconds() - cpu;
    const grown = Object.entries(end()).map(([name, value]) => [name, value - (before[name] ?? 0)]);
    answer({ ...Object.fromEntries(grown), milliseconds, cpuMicroseconds: cpuUsed });
    process.exit(0);
  });
}
