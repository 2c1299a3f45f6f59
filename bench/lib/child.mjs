import { spawn } from 'node:child_process';

/** Put before every command: on a machine that does other things too, `--nice` asks for precedence over them. */
let prefix = /** @type {readonly string[]} */ ([]);

/** Everything that is started from now on goes before what else the machine does. */
export function takePrecedence() {
  // The scheduler weighs sessions first, then the processes in them.
  prefix = ['sh', '-c', 'echo -20 > /proc/self/autogroup; exec nice -n -20 "$@"', 'sh'];
}

/** Milliseconds that a child may take to be ready, and to answer. */
const PATIENCE = 30_000;

/**
 * A program of the suite, pinned to a core and perhaps in a namespace. It says "ready" when it is, is told single
 * characters ('b' begin, 'e' end), and prints its result as one line of JSON before it ends.
 */
export class Child {
  /** @type {import('node:child_process').ChildProcess} */
  #process;
  #output = '';
  #errors = '';
  #ended = false;
  #wake = () => {};
  #name;

  /**
   * @param {readonly string[]} command
   * @param {{ core: number, namespace?: import('etherconn/testing').Namespace }} where
   */
  constructor(command, { core, namespace }) {
    const pinned = [...prefix, 'taskset', '-c', `${core}`, ...command];
    this.#name = command.map((part) => part.replace(/^.*\//, '')).join(' ');
    this.#process =
      namespace === undefined
        ? spawn(pinned[0], pinned.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] })
        : namespace.spawn(pinned[0], ...pinned.slice(1));
    this.#process.stdout?.on('data', (chunk) => {
      this.#output += chunk;
      this.#wake();
    });
    this.#process.stderr?.on('data', (chunk) => {
      this.#errors += chunk;
    });
    // It may have ended before it is told to.
    this.#process.stdin?.on('error', () => {});
    this.#process.on('error', (error) => {
      this.#errors += error.message;
      this.#end();
    });
    this.#process.on('close', () => this.#end());
  }

  /** @param {string} message */
  tell(message) {
    this.#process.stdin?.write(message);
  }

  /** Resolves once the child is ready. */
  async ready() {
    await this.#until(() => /^ready$/m.test(this.#output), 'be ready');
    return this;
  }

  /**
   * The child's result.
   * @returns {Promise<Record<string, number>>}
   */
  async result() {
    const found = () => /^(\{.*\})$/m.exec(this.#output);
    await this.#until(() => found() !== null && this.#ended, 'answer');
    return JSON.parse(/** @type {RegExpExecArray} */ (found())[1]);
  }

  /** Ends the child, whatever it does. */
  async kill() {
    if (this.#ended) return;
    this.#process.kill('SIGKILL');
    while (!this.#ended) await this.#next(PATIENCE);
  }

  #end() {
    this.#ended = true;
    this.#wake();
  }

  /**
   * @param {() => boolean} condition
   * @param {string} what
   */
  async #until(condition, what) {
    const deadline = performance.now() + PATIENCE;
    while (!condition()) {
      if (this.#ended) throw new Error(`${this.#name}: ended: ${this.#errors.trim() || this.#output.trim()}`);
      const left = deadline - performance.now();
      if (left <= 0) {
        await this.kill();
        throw new Error(`${this.#name}: did not ${what} in ${PATIENCE / 1000} s ${this.#errors.trim()}`);
      }
      await this.#next(left);
    }
  }

  /** @param {number} timeout */
  #next(timeout) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeout);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }
}
