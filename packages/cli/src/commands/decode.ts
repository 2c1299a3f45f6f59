import { Command } from 'commander';
import { CaptureError, decodePacket, LinkType, readCapture, readCaptureFile } from 'etherconn/capture';
import { frameLine } from '../capture/frame-line.ts';
import { ExitCode } from '../exit-code.ts';
import type { Filter } from '../filter/filter.ts';
import { LineOutput } from '../line-output.ts';
import { parseCount } from '../scenario/quantity.ts';
import { parsed } from './common-options.ts';
import { guarded } from './failure.ts';

interface DecodeOptions {
  readonly count?: number;
  readonly json?: true;
  readonly verbose?: true;
}

export function decodeCommand(): Command {
  return new Command('decode')
    .description('print the frames of a pcap or pcapng capture, also compressed with gzip')
    .argument('<file>', 'capture file, - for standard input')
    .argument('[expression...]', 'which frames, as a tcpdump expression, like: tcp port 80')
    .option(
      '-c, --count <n>',
      'end after this many frames',
      parsed((option, text) => parseCount(option, text)),
    )
    .option('--json', 'print one JSON object per frame and line')
    .option('--verbose', 'print the stack of an error')
    .addHelpText(
      'after',
      `
Examples:
  etherconn decode trace.pcapng
  etherconn decode trace.pcapng -c 10 'udp port 53 and not host 10.0.0.9'
  etherconn decode trace.pcapng.gz --json
`,
    )
    .action(async (file: string, words: string[], options: DecodeOptions) => {
      process.exitCode = await guarded(options.verbose === true, () =>
        decode(file, words.join(' '), options),
      );
    });
}

async function decode(file: string, expression: string, options: DecodeOptions): Promise<number> {
  const { count = Number.POSITIVE_INFINITY, json } = options;
  if (file === '-' && process.stdin.isTTY) {
    process.stderr.write('etherconn: standard input is a terminal; give a file, or pipe a capture in\n');
    return ExitCode.USAGE;
  }
  let filter: Filter | null = null;
  if (expression !== '') {
    // Loaded when asked for: without an expression none of it is needed.
    const { compileFilter } = await import('../filter/filter.ts');
    filter = compileFilter(expression);
  }
  const output = new LineOutput(process.stdout);
  const packets = file === '-' ? readCapture(process.stdin) : readCaptureFile(file);
  let number = 0;
  let shown = 0;
  try {
    for await (const packet of packets) {
      // Numbers are those of the capture, as other programs show them.
      number++;
      const { linkType, data, originalLength } = packet;
      if (filter !== null && linkType !== LinkType.ETHERNET) continue;
      if (filter?.matches(data, 0, data.length, originalLength) === false) continue;
      const full = output.line(
        json === true ? JSON.stringify(decodePacket(packet, number)) : frameLine(packet, number),
      );
      if (full !== undefined) await full;
      if (++shown >= count || output.closed) break;
    }
  } catch (error) {
    await output.flush();
    process.stderr.write(`etherconn: ${file === '-' ? 'standard input' : file}: ${explain(error)}\n`);
    return ExitCode.ERROR;
  }
  await output.flush();
  return ExitCode.OK;
}

/** What a reader threw, for people; anything but a broken or unreadable capture is thrown on. */
function explain(error: unknown): string {
  if (error instanceof CaptureError) return error.message;
  const isSystem = error instanceof Error && 'syscall' in error;
  const isDenied = (error as NodeJS.ErrnoException).code === 'ERR_ACCESS_DENIED';
  if (isSystem || isDenied) return `cannot be read: ${(error as Error).message}`;
  throw error;
}
