import { relative } from 'node:path';
import { spec } from 'node:test/reporters';
import { inspect } from 'node:util';

/** What node:test counts, in the lines that every file ends with. */
const TOTALS = ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo'];
const TOTAL_LINE = new RegExp(`^(${TOTALS.join('|')}|duration_ms) ([\\d.]+)$`);

/** Prints the results of files as node:test does, each file in one piece, then totals, failures and skips. */
export class Report {
  #spec = spec();
  #root;
  #totals = new Map(TOTALS.map((name) => [name, 0]));
  #skips = new Map();
  #began = performance.now();
  failed = false;

  constructor(root) {
    this.#root = root;
    this.#spec.pipe(process.stdout, { end: false });
  }

  /** Takes the result of `runFile`. */
  add({ file, events, output, failure }) {
    const name = relative(this.#root, file);
    if (output.trim() !== '')
      this.#write('test:stdout', { message: output.endsWith('\n') ? output : `${output}\n`, file });
    for (const { type, data } of events) this.#event(type, data);
    if (failure !== undefined) this.#fail(name, file, failure);
  }

  /** Prints what is said at the end. */
  async end() {
    for (const [name, count] of this.#totals) this.#diagnostic(`${name} ${count}`);
    this.#diagnostic(`duration_ms ${Math.round(performance.now() - this.#began)}`);
    this.#write('test:summary', { success: !this.failed, counts: {}, duration_ms: 0 });
    const printed = new Promise((resolve) => this.#spec.on('end', resolve));
    this.#spec.end();
    await printed;
    if (this.#skips.size === 0) return;
    const lines = [...this.#skips].map(([line, times]) => (times === 1 ? line : `${line} (${times} times)`));
    console.log(`\nSkipped here, with the reason:\n${lines.join('\n')}\n`);
  }

  #event(type, data) {
    if (type === 'test:summary') return;
    if (type === 'test:diagnostic' && data.nesting === 0) {
      const total = TOTAL_LINE.exec(data.message);
      if (total !== null) {
        const [, name, count] = total;
        if (this.#totals.has(name)) this.#totals.set(name, this.#totals.get(name) + Number(count));
        return;
      }
    }
    if (type === 'test:fail') this.failed = true;
    if ((type === 'test:pass' || type === 'test:fail') && typeof data.skip === 'string') {
      const line = `  ${data.name}: ${data.skip}`;
      this.#skips.set(line, (this.#skips.get(line) ?? 0) + 1);
    }
    const error = data?.details?.error;
    this.#write(
      type,
      error === undefined ? data : { ...data, details: { ...data.details, error: revive(error) } },
    );
  }

  #fail(name, file, text) {
    this.failed = true;
    for (const total of ['tests', 'fail']) this.#totals.set(total, this.#totals.get(total) + 1);
    const place = { name, nesting: 0, file, line: 1, column: 1 };
    this.#write('test:start', place);
    this.#write('test:fail', {
      ...place,
      testNumber: 1,
      details: { duration_ms: 0, error: revive({ text: `${name} ${text}` }) },
    });
  }

  #diagnostic(message) {
    this.#write('test:diagnostic', { nesting: 0, message });
  }

  #write(type, data) {
    this.#spec.write({ type, data });
  }
}

/** An error in the form that the reporter of node:test expects, which prints as the text that it had. */
function revive({ failureType, text }) {
  const cause = { message: text, [inspect.custom]: () => text };
  return { code: 'ERR_TEST_FAILURE', failureType, cause };
}
