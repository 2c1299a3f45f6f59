import { Command } from 'commander';
import { CaptureError, decodePacket, readCapture, readCaptureFile } from 'etherconn/capture';
import { frameLine } from '../capture/frame-line.ts';
import { ExitCode } from '../exit-code.ts';
import { LineOutput } from '../line-output.ts';

export function decodeCommand(): Command {
  return new Command('decode')
    .description("print the frames of a pcap or pcapng capture, also gzip'd")
    .argument('<file>', 'capture file, - for standard input')
    .option('--json', 'one JSON object per frame and line')
    .action(async (file: string, options: { json?: boolean }) => {
      process.exitCode = await decode(file, options.json === true);
    });
}

async function decode(file: string, json: boolean): Promise<number> {
  if (file === '-' && process.stdin.isTTY) {
    process.stderr.write('etherconn: standard input is a terminal; give a file, or pipe a capture in\n');
    return ExitCode.USAGE;
  }
  const output = new LineOutput(process.stdout);
  const packets = file === '-' ? readCapture(process.stdin) : readCaptureFile(file);
  let number = 0;
  try {
    for await (const packet of packets) {
      number++;
      const full = output.line(
        json ? JSON.stringify(decodePacket(packet, number)) : frameLine(packet, number),
      );
      if (full !== undefined) await full;
      if (output.closed) break;
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
