import type { Command } from 'commander';

/** How the command line speaks to people: the same for all commands, and for commands of commands. */

/** What `program` says of a wrong command line: one sentence as of any other error, then which help to read. */
export function speakPlainly(program: Command): void {
  program.configureOutput({
    outputError(text, write) {
      // Commander puts a suggestion on a line of its own.
      write(text.replace(/^error: /, 'etherconn: ').replace(/\n\(Did you mean (.*)\)/, ' (did you mean $1)'));
    },
  });
}

/** Settings of `parent` for `command` and those below; `path` is how it is called. */
export function inherit(command: Command, parent: Command, path: string): Command {
  command.copyInheritedSettings(parent);
  command.showHelpAfterError(
    `(${path} --help lists its ${command.commands.length > 0 ? 'commands' : 'options'})`,
  );
  for (const option of command.options)
    nameErrors(command, option, option.long ?? option.short ?? option.flags);
  for (const argument of command.registeredArguments) nameErrors(command, argument, argument.name());
  for (const each of command.commands) inherit(each, command, `${path} ${each.name()}`);
  return command;
}

type Parse = (text: string, before: never) => unknown;

/** Errors of values begin with the option's name, not with a sentence about it. */
function nameErrors(command: Command, target: { parseArg?: unknown }, name: string): void {
  const parse = target.parseArg as Parse | undefined;
  if (parse === undefined) return;
  target.parseArg = (text: string, before: never): unknown => {
    try {
      return parse(text, before);
    } catch (error) {
      const { code, message } = error as { code?: unknown; message: string };
      if (code !== 'commander.invalidArgument') throw error;
      command.error(`error: ${name}: ${message}`, { code: 'etherconn.invalidArgument' });
    }
  };
}
