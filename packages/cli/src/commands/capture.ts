import { networkInterfaces } from 'node:os';
import { Command, Option } from 'commander';
import type { PacketTap } from 'etherconn/link';
import type { FrameOutput } from '../capture/frame-output.ts';
import type { Recorder } from '../capture/recorder.ts';
import type { Target } from '../capture/targets.ts';
import { ExitCode } from '../exit-code.ts';
import { counted, whole } from '../figures/format.ts';
import type { Filter } from '../filter/filter.ts';
import { Interruption } from '../interruption.ts';
import { LineOutput } from '../line-output.ts';
import { parseThreshold, type Threshold } from '../metrics/threshold.ts';
import { namespacePath } from '../runner/engine.ts';
import { parseCount, parseDuration } from '../scenario/quantity.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { checkWritable } from '../views/output-file.ts';
import { captureResult, secondOf } from './capture-result.ts';
import { parsed, repeated } from './common-options.ts';
import { explainFailure, guarded } from './failure.ts';

/** Longest packet of pcapng files that every reader takes. */
const WHOLE_FRAME = 262_144;
const RING_FILES_MAX = 99_999;

export interface CaptureOptions {
  readonly write?: string;
  readonly count?: number;
  readonly duration?: number;
  readonly snaplen: number;
  readonly direction: 'in' | 'out' | 'both';
  readonly promiscuous: boolean;
  readonly ringSize?: number;
  readonly ringTime?: number;
  readonly ringFiles?: number;
  readonly netns?: string;
  readonly failIf: readonly Threshold[];
  readonly json?: true;
  readonly ndjson?: true;
  readonly verbose?: true;
}

export function captureCommand(): Command {
  return new Command('capture')
    .description('capture what an interface receives and sends, to pcapng files or the screen')
    .argument('<interface>', 'interface to listen on')
    .argument('[expression...]', 'which frames, as a tcpdump expression, like: tcp port 80')
    .option(
      '-w, --write <file>',
      'write a pcapng file, - for standard output (default: print a line for each frame)',
    )
    .option(
      '-c, --count <n>',
      'end after this many frames',
      parsed((option, text) => parseCount(option, text)),
    )
    .option(
      '--duration <time>',
      'end after this time, like 30s (default: until Ctrl-C)',
      parsed(parseDuration),
    )
    .option(
      '-s, --snaplen <bytes>',
      'bytes to keep of each frame',
      parsed((option, text) => parseCount(option, text, WHOLE_FRAME)),
      WHOLE_FRAME,
    )
    .addOption(
      new Option('-Q, --direction <which>', 'frames received, frames sent by this machine, or both')
        .choices(['in', 'out', 'both'])
        .default('both'),
    )
    .option('-p, --no-promiscuous', 'do not receive frames for other machines')
    .option('--ring-size <bytes>', 'start a new file after this many bytes, like 100M', parsed(parseCount))
    .option('--ring-time <time>', 'start a new file after this time', parsed(parseDuration))
    .option(
      '--ring-files <n>',
      'keep only this many of the newest files',
      parsed((option, text) => parseCount(option, text, RING_FILES_MAX)),
    )
    .option('--netns <name>', 'network namespace of the interface: a name, a process id or a path')
    .addOption(
      repeated(
        '--fail-if <limit>',
        "exit with code 3 if this is true, like 'loss>0' or 'received<1kpps'",
        parseThreshold,
      ),
    )
    .addOption(new Option('--json', 'print one JSON object at the end').conflicts('ndjson'))
    .option('--ndjson', 'print a JSON object every second, and the result as the last one')
    .option('--verbose', 'print the stack of an error')
    .addHelpText(
      'after',
      `
Examples:
  etherconn capture eth0 -w trace.pcapng 'tcp port 80 and host 10.0.0.1'
  etherconn capture eth0 -w ring.pcapng --ring-size 100M --ring-files 10
  etherconn capture eth0 -w - | wireshark -k -i -
  etherconn capture eth0 --count 10 vlan 100 and arp
`,
    )
    .action(async (interfaceName: string, words: string[], options: CaptureOptions) => {
      process.exitCode = await guarded(options.verbose === true, () =>
        capture(interfaceName, words.join(' '), options),
      );
    });
}

async function capture(interfaceName: string, expression: string, options: CaptureOptions): Promise<number> {
  await check(options);
  // Loaded when asked for: the other commands need none of it.
  const [{ openPacketTap }, { compileFilter }, { CaptureRun }] = await Promise.all([
    import('etherconn/link'),
    import('../filter/filter.ts'),
    import('../capture/capture-run.ts'),
  ]);
  const { snaplen, count, duration, direction, promiscuous } = options;
  const netns = namespacePath('--netns', options.netns);
  const netmask = netns === undefined ? netmaskOf(interfaceName) : undefined;
  const filter = compileFilter(expression, { netmask, snapLength: snaplen });
  const interruption = new Interruption();
  const closing: (() => Promise<void>)[] = [];
  try {
    const tap = openPacketTap(interfaceName, {
      direction,
      promiscuous,
      ...(netns === undefined ? {} : { netns }),
      ...(filter.kernelProgram === null ? {} : { filter: filter.kernelProgram }),
    });
    closing.unshift(() => tap.close());
    const output = await openOutput(tap, filter, options);
    const inProcess = filter.kernelProgram === null ? filter : null;
    const run = new CaptureRun(tap, output, inProcess, { snapLength: snaplen, count, duration });
    say(`capturing on ${interfaceName}${expression === '' ? '' : `: ${expression}`}`);
    const lines = new LineOutput(process.stdout);
    const started = new Date();
    let last = run.counters;
    let failure: unknown;
    try {
      await run.run((counters) => {
        if (options.ndjson === true) lines.line(JSON.stringify(secondOf(last, counters)));
        last = counters;
      }, interruption.signal);
    } catch (error) {
      failure = error;
    }
    // What waits in the ring is captured, too; then the file is complete, whatever has happened.
    await tap.close();
    const counters = run.counters;
    await output.end();
    const files = 'files' in output ? { files: output.files, written: output.bytes } : {};
    const interrupted = interruption.exitCode !== undefined;
    const result = captureResult(
      { interfaceName, expression, started, interrupted, files },
      counters,
      options.failIf,
    );
    if (options.json === true) lines.line(JSON.stringify(result));
    if (options.ndjson === true) lines.line(JSON.stringify({ type: 'result', ...result }));
    await lines.flush();
    say(
      `${counted(counters.frames, 'frame')} captured, ${whole(counters.dropped)} dropped by the kernel, ${whole(counters.lost)} lost because the ${'files' in output ? 'file' : 'output'} was too slow`,
    );
    failure ??= output.error ?? undefined;
    const { ReaderGone } = await import('../capture/frame-printer.ts');
    if (failure !== undefined && !(failure instanceof ReaderGone) && !isClosedPipe(failure))
      return explainFailure(failure, options.verbose === true);
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    return result.passed ? ExitCode.OK : ExitCode.THRESHOLD;
  } finally {
    for (const close of closing) await close();
    interruption.close();
  }
}

function say(text: string): void {
  process.stderr.write(`etherconn: ${text}\n`);
}

/** Wireshark has been closed, say. */
function isClosedPipe(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EPIPE';
}

async function openOutput(
  tap: PacketTap,
  filter: Filter,
  options: CaptureOptions,
): Promise<Recorder | FrameOutput> {
  const { write, json, ndjson, ringSize, ringTime, snaplen } = options;
  const { interfaceName } = tap;
  if (write === undefined) {
    const [{ FramePrinter }, { SilentOutput }] = await Promise.all([
      import('../capture/frame-printer.ts'),
      import('../capture/silent-output.ts'),
    ]);
    if (json === true || ndjson === true) return new SilentOutput();
    return new FramePrinter(new LineOutput(process.stdout), interfaceName);
  }
  const { Recorder } = await import('../capture/recorder.ts');
  const target = await targetOf(write, options);
  return new Recorder(
    { target, interfaceName, snapLength: snaplen, filter: filter.expression, ringSize, ringTime },
    () => {
      const { frames, dropped } = tap.stats();
      return { accepted: frames + dropped, dropped };
    },
  );
}

async function targetOf(path: string, { ringSize, ringTime, ringFiles }: CaptureOptions): Promise<Target> {
  const { STANDARD_OUTPUT, fileTarget, ringTarget } = await import('../capture/targets.ts');
  if (path === '-') return STANDARD_OUTPUT;
  if (ringSize === undefined && ringTime === undefined) return fileTarget(path);
  return ringTarget(path, ringFiles ?? Number.POSITIVE_INFINITY);
}

async function check(options: CaptureOptions): Promise<void> {
  const { write, ringSize, ringTime, ringFiles, json, ndjson } = options;
  const isRing = ringSize !== undefined || ringTime !== undefined;
  const wrong = (option: string, why: string): never => {
    throw new ScenarioError(option, why);
  };
  if (isRing && (write === undefined || write === '-'))
    wrong(ringSize !== undefined ? '--ring-size' : '--ring-time', 'needs -w FILE');
  if (ringFiles !== undefined && !isRing) wrong('--ring-files', 'needs --ring-size or --ring-time');
  if (ringSize !== undefined && ringSize < 65_536) wrong('--ring-size', 'must be at least 65536 bytes');
  if (write === '-' && (json === true || ndjson === true))
    wrong(json === true ? '--json' : '--ndjson', 'cannot go with -w -: both are for standard output');
  if (write === '-' && process.stdout.isTTY)
    wrong('-w -', 'writes binary data, and standard output is a terminal; pipe it into a program');
  if (write !== undefined && write !== '-') await checkWritable('-w', write);
}

/** Of the interface's first IPv4 address. */
function netmaskOf(interfaceName: string): number | undefined {
  const first = networkInterfaces()[interfaceName]?.find(({ family }) => family === 'IPv4');
  return first?.netmask.split('.').reduce((mask, byte) => ((mask << 8) | Number(byte)) >>> 0, 0);
}
