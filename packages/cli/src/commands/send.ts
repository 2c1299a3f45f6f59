import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { OptionError } from 'etherconn';
import { decodeFrame } from 'etherconn/capture';
import { build, type FrameParts, parse, show } from 'etherconn/frames';
import { formatMac, printFrame } from 'etherconn/wire';
import { ExitCode } from '../exit-code.ts';
import { Interruption } from '../interruption.ts';
import { LineOutput } from '../line-output.ts';
import type { EngineName } from '../runner/engine.ts';
import { parseCount, parseDuration } from '../scenario/quantity.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { parseFrameText, parseHexFrame } from '../send/frame-text.ts';
import { parsed } from './common-options.ts';
import { guarded } from './failure.ts';

interface SendOptions {
  readonly hex?: true;
  readonly count: number;
  readonly interval?: number;
  readonly wait?: number;
  readonly all?: true;
  readonly dryRun?: true;
  readonly engine: EngineName;
  readonly netns?: string;
  readonly json?: true;
  readonly verbose?: true;
}

const HEADER = 14;

export function sendCommand(): Command {
  return new Command('send')
    .description('send frames, written as layers of the frame builder or as hex')
    .argument('<interface>', 'interface to send on')
    .argument('<frame...>', 'frames, like \'ether(destination=…)/ipv4(…)/udp(…)/"text"\'')
    .option('--hex', 'the frames are written as hexadecimal digits')
    .option(
      '--count <n>',
      'how often to send all frames',
      parsed((option, text) => parseCount(option, text)),
      1,
    )
    .option('--interval <time>', 'time between frames (default: none)', parsed(parseDuration))
    .option('--wait <time>', 'print answers, up to this long after the last frame', parsed(parseDuration))
    .option('--all', 'with --wait, print everything that arrives')
    .option('--dry-run', 'print the fields of the frames, and send nothing')
    .addOption(
      new Option('--engine <name>', 'how to send and receive frames; auto uses AF_XDP where it works')
        .choices(['auto', 'xdp', 'packet'])
        .default('auto'),
    )
    .option('--netns <name>', 'network namespace of the interface: a name, a process id or a path')
    .option('--json', 'print one JSON object per frame and line')
    .option('--verbose', 'print the stack of an error')
    .addHelpText(
      'after',
      `
Layers and fields have the names of etherconn/frames. The command fills in what you leave out: lengths,
types, checksums, and the interface's MAC address as the source. --dry-run does not look at the interface: it prints 00:00:00:00:00:00.

Examples:
  etherconn send eth0 --dry-run 'ether/ipv4(source=10.0.0.1,destination=10.0.0.2)/udp(destinationPort=53)/"hello"'
  etherconn send eth0 'ether(source=02:00:00:00:00:01)/arp(senderMac=02:00:00:00:00:01,senderIp=10.0.0.9,targetIp=10.0.0.1)' --wait 1s
  etherconn send eth0 --hex 'ffffffffffff 020000000001 88b5 48656c6c6f' --count 3 --interval 100ms
`,
    )
    .action(async (interfaceName: string, frames: string[], options: SendOptions) => {
      process.exitCode = await guarded(options.verbose === true, () => send(interfaceName, frames, options));
    });
}

async function send(interfaceName: string, texts: readonly string[], options: SendOptions): Promise<number> {
  if (options.all === true && options.wait === undefined) throw new ScenarioError('--all', 'needs --wait');
  const parts = texts.map((text) =>
    options.hex === true ? [parseHexFrame('FRAME', text)] : parseFrameText('FRAME', text),
  );
  const frames = parts.map((each) => buildFrame(each));
  const output = new LineOutput(process.stdout);
  if (options.dryRun === true) {
    for (const frame of frames) {
      output.line(options.json === true ? JSON.stringify(decodeFrame(frame)) : show(parse(frame)));
      if (options.json !== true) output.line(`${frame.length} bytes: ${Buffer.from(frame).toString('hex')}`);
    }
    await output.flush();
    return ExitCode.OK;
  }
  return sendFrames(interfaceName, parts, options, output);
}

/** Throws a ScenarioError for what is no frame. A frame that names no source has `source`. */
function buildFrame(parts: FrameParts, source?: string): Uint8Array {
  const [first, ...others] = parts;
  if (typeof first === 'string' || (!(first instanceof Uint8Array) && first?.layer !== 'ether'))
    throw new ScenarioError('FRAME', "must begin with the layer 'ether', or with hex(…)");
  const frame = built(
    first instanceof Uint8Array || source === undefined
      ? parts
      : [{ ...first, source: first.source ?? source }, ...others],
  );
  if (frame.length >= HEADER) return frame;
  throw new ScenarioError('FRAME', `must have at least ${HEADER} bytes, got ${frame.length}`);
}

function built(parts: FrameParts): Uint8Array {
  try {
    return build(parts);
  } catch (error) {
    if (error instanceof OptionError) throw new ScenarioError('FRAME', error.message);
    throw error;
  }
}

async function sendFrames(
  interfaceName: string,
  parts: readonly FrameParts[],
  options: SendOptions,
  output: LineOutput,
): Promise<number> {
  const { engine, netns, count, interval, wait } = options;
  // Loaded when asked for: the other commands need none of it.
  const [{ openEngine }, { Asking }] = await Promise.all([
    import('../runner/engine.ts'),
    import('../send/asking.ts'),
  ]);
  const interruption = new Interruption();
  const { signal } = interruption;
  const opened = await openEngine({ engine, interfaceName, netns, seed: 0 });
  const { relay } = opened;
  const own = formatMac(relay.hardwareAddress);
  const frames = parts.map((each) => buildFrame(each, own));
  const say = (direction: 'out' | 'in', frame: Uint8Array, after: number | null): void => {
    const line = after === null ? printFrame(frame) : `${after.toFixed(3)} ms  ${printFrame(frame)}`;
    const about = after === null ? { direction } : { direction, after };
    output.line(
      options.json === true
        ? JSON.stringify({ ...about, ...decodeFrame(frame) })
        : `${direction === 'out' ? '>' : '<'} ${line}`,
    );
  };
  let asking: InstanceType<typeof Asking> | undefined;
  let [sent, bytes] = [0, 0];
  try {
    if (wait !== undefined)
      asking = new Asking(relay, frames, ({ frame, after }) => {
        if (after !== null || options.all === true) say('in', frame, after);
      });
    const pause = async (time: number): Promise<void> => {
      await sleep(time, undefined, { signal }).catch(() => {});
    };
    for (let round = 0; round < count && !signal.aborted; round++) {
      for (const [n, frame] of frames.entries()) {
        if (sent > 0 && interval !== undefined) await pause(interval);
        while (!signal.aborted && relay.trySendFrame(frame) === 0) await pause(1);
        if (signal.aborted) break;
        asking?.sent(n);
        if (round === 0) say('out', frame, null);
        sent++;
        bytes += frame.length;
        // The loop does not keep answers, and Ctrl-C, from their turn.
        if (sent % 256 === 0) await new Promise(setImmediate);
      }
    }
    const end = relay.clock.now() + (wait ?? 0);
    while (!signal.aborted && asking !== undefined && relay.clock.now() < end) {
      if (asking.settled && options.all !== true) break;
      await pause(Math.min(10, Math.max(1, end - relay.clock.now())));
    }
  } finally {
    // What was sent has left when the relay is closed.
    await asking?.close();
    await opened.close();
    interruption.close();
  }
  const answered = asking === undefined ? '' : `, ${asking.answered} of ${frames.length} answered`;
  if (options.json !== true)
    output.line(`${sent} ${sent === 1 ? 'frame' : 'frames'} sent, ${bytes} bytes${answered}`);
  await output.flush();
  if (interruption.exitCode !== undefined) return interruption.exitCode;
  return asking?.answered === 0 ? ExitCode.ERROR : ExitCode.OK;
}
