#!/usr/bin/env node
/** The command `rfc2228`: picks the subcommand, and turns every fault into one line and an exit status. */
import { FtpSecurityError } from '../errors.js';
import { code } from './code.js';
import { decode } from './decode.js';
import { fuzz } from './fuzz/index.js';
import { HELP, type Subcommand, VERSION } from './help.js';
import { keytab } from './keytab.js';
import { EXIT, InputError, internalError, UsageError } from './status.js';
import { verify } from './verify.js';

const SUBCOMMANDS: Record<Subcommand, (args: string[]) => number | Promise<number>> = {
  verify,
  decode,
  code,
  keytab,
  fuzz,
};

async function run(args: string[]): Promise<number> {
  const [name = '', ...rest] = args;
  if (name === '--version') return print(VERSION);
  if (args.length === 0) throw new UsageError('no command given');
  if (name === '--help' || name === '-h' || name === 'help') return print(helpFor(rest[0]));
  if (!isSubcommand(name)) throw new UsageError(`no command ${JSON.stringify(name)}`);
  if (rest.includes('--help') || rest.includes('-h')) return print(HELP[name]);
  return await SUBCOMMANDS[name](rest);
}

function helpFor(name: string | undefined): string {
  return name !== undefined && isSubcommand(name) ? HELP[name] : HELP.all;
}

function isSubcommand(name: string): name is Subcommand {
  return Object.hasOwn(SUBCOMMANDS, name);
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return EXIT.fine;
}

/** One line for each fault that a user can do something about; anything else is a fault of ours, and says where. */
function explain(error: unknown, [name = '']: string[]): string {
  const help = isSubcommand(name) ? `rfc2228 ${name} --help` : 'rfc2228 --help';
  if (error instanceof UsageError) return `${error.message} (see ${help})`;
  if (error instanceof FtpSecurityError) return `${error.code}: ${error.message}`;
  if (error instanceof InputError) return error.message;
  return internalError(error);
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever reads our output may have seen enough, as `head` has.
  process.exit(error.code === 'EPIPE' ? EXIT.fine : EXIT.unusable);
});

const args = process.argv.slice(2);
try {
  process.exitCode = await run(args);
} catch (error) {
  process.stderr.write(`rfc2228: ${explain(error, args)}\n`);
  process.exitCode = EXIT.unusable;
}
