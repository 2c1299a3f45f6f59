import { get } from 'node:http';
import { connect } from 'node:net';

/**
 * Asks a Node process that was told by SIGUSR1 to listen for a debugger. It answers from a thread of its own, also when
 * its program is in a loop that never ends. (Node 20 has no WebSocket; what is needed of one is little.)
 */

/** Milliseconds for everything: a process that is inside of a system call never answers. */
const PATIENCE = 5000;
/** Milliseconds in which a program that is running comes to a place where it can pause. */
const BUSY = 1000;

/**
 * Where the program is, innermost call first, when it is running; what it waits for, when it is idle.
 * @param {number} port
 * @returns {Promise<{ stack: string[], handles: string[] }>}
 */
export async function askWhatItDoes(port) {
  const session = await Session.open(port);
  try {
    session.send('Debugger.enable');
    session.send('Debugger.pause');
    // One that is idle pauses in the first line that runs, which is that of our question.
    const question = setTimeout(() => session.send('Runtime.evaluate', { expression: '0' }), BUSY);
    const { callFrames } = await session.event('Debugger.paused');
    clearTimeout(question);
    const urls = new Map(session.events('Debugger.scriptParsed').map(({ scriptId, url }) => [scriptId, url]));
    const stack = callFrames
      .map(({ functionName, location: { scriptId, lineNumber } }) => ({
        functionName: functionName || '(anonymous)',
        url: urls.get(scriptId) ?? '',
        line: lineNumber + 1,
      }))
      .filter(({ url }) => url !== '' && !url.startsWith('node:internal/'))
      .map(({ functionName, url, line }) => `${functionName} ${url}:${line}`);
    const expression = 'JSON.stringify(process.report.getReport().libuv)';
    const callFrameId = callFrames[0].callFrameId;
    const answer = await session.ask('Debugger.evaluateOnCallFrame', { callFrameId, expression });
    return { stack, handles: JSON.parse(answer.result.value).filter(keepsOpen).map(describeHandle) };
  } finally {
    session.close();
  }
}

function keepsOpen({ type, is_active, is_referenced }) {
  return is_active && is_referenced && type !== 'loop';
}

function describeHandle({ type, localEndpoint, remoteEndpoint, firesInMsFromNow, pid, signal, fd }) {
  const endpoint = (name, point) => (point ? ` ${name} ${point.ip4 ?? point.ip6 ?? ''}:${point.port}` : '');
  const parts = [
    type,
    endpoint('at', localEndpoint),
    endpoint('to', remoteEndpoint),
    firesInMsFromNow === undefined ? '' : ` in ${firesInMsFromNow} ms`,
    pid === undefined ? '' : ` ${pid}`,
    signal === undefined ? '' : ` ${signal}`,
    fd === undefined ? '' : ` (descriptor ${fd})`,
  ];
  return parts.join('');
}

class Session {
  #socket;
  #received = Buffer.alloc(0);
  #messages = [];
  #wake = () => {};
  #id = 0;
  #late;

  static async open(port) {
    const [{ webSocketDebuggerUrl }] = await getJson(`http://127.0.0.1:${port}/json/list`);
    const session = new Session();
    await session.#connect(new URL(webSocketDebuggerUrl));
    return session;
  }

  async #connect({ hostname, port, pathname }) {
    this.#late = performance.now() + PATIENCE;
    this.#socket = connect(Number(port), hostname);
    this.#socket.on('error', () => {});
    const handshake = [
      `GET ${pathname} HTTP/1.1`,
      `Host: ${hostname}:${port}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==',
    ];
    this.#socket.write(`${handshake.join('\r\n')}\r\n\r\n`);
    this.#socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    await this.#until(() => this.#received.includes('\r\n\r\n'));
    this.#received = this.#received.subarray(this.#received.indexOf('\r\n\r\n') + 4);
  }

  /** One text frame; with a mask of zeros, which is one. */
  send(method, params = {}) {
    const text = Buffer.from(JSON.stringify({ id: ++this.#id, method, params }));
    const header = Buffer.from([0x81, 0x80 | 126, text.length >> 8, text.length & 255, 0, 0, 0, 0]);
    this.#socket.write(Buffer.concat([header, text]));
    return this.#id;
  }

  async ask(method, params) {
    const id = this.send(method, params);
    return (await this.#message((message) => message.id === id)).result;
  }

  async event(method) {
    return (await this.#message((message) => message.method === method)).params;
  }

  /** What has come of a kind until now. */
  events(method) {
    return this.#messages.filter((message) => message.method === method).map(({ params }) => params);
  }

  close() {
    this.#socket.destroy();
  }

  async #message(is) {
    let found;
    await this.#until(() => {
      this.#parse();
      found = this.#messages.find(is);
      return found !== undefined;
    });
    return found;
  }

  #parse() {
    for (;;) {
      const short = this.#received[1] & 127;
      const header = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (this.#received.length < header) return;
      const length =
        short < 126
          ? short
          : short === 126
            ? this.#received.readUInt16BE(2)
            : Number(this.#received.readBigUInt64BE(2));
      if (this.#received.length < header + length) return;
      this.#messages.push(JSON.parse(this.#received.toString('utf8', header, header + length)));
      this.#received = this.#received.subarray(header + length);
    }
  }

  async #until(condition) {
    while (!condition()) {
      const left = this.#late - performance.now();
      if (left <= 0) throw new Error('it does not answer');
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

function getJson(url) {
  return new Promise((resolve, reject) => {
    const request = get(url, { timeout: PATIENCE }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(JSON.parse(text)));
    });
    request.on('timeout', () => request.destroy(new Error('it does not answer')));
    request.on('error', reject);
  });
}
