/** The command `rfc2228` without its process: selects the subcommand, and turns every error into one line and an exit status. */
import { FtpSecurityError } from '../errors.js';
import type { Subcommand } from './help.js';
import { fitted } from './help-width.js';
import { nearest } from './nearest.js';
import { EXIT, InputError, internalError, ruleText, UsageError } from './status.js';
import type { Streams } from './streams.js';

type Run = (args: string[], streams: Streams) => number | Promise<number>;

/** Each subcommand is loaded only when it is called, because loading modules takes most of the start time. */
const SUBCOMMANDS: Record<Subcommand, () => Promise<Run>> = {
  verify: async () => (await import('./verify.js')).verify,
  decode: async () => (await import('./decode.js')).decode,
  code: async () => (await import('./code.js')).code,
  keytab: async () => (await import('./keytab.js')).keytab,
  page: async () => (await import('./page.js')).page,
  fuzz: async () => (await import('./fuzz/index.js')).fuzz,
  completion: async () => (await import('./completion.js')).completion,
};

const loadHelp = () => import('./help.js');

/**
 * Runs the command once. It never throws and never ends the process.
 * @param args  the arguments after the name of the command
 * @returns the exit status, one of EXIT
 */
export async function runCommand(args: string[], streams: Streams): Promise<number> {
  try {
    return await dispatch(args, streams);
  } catch (error) {
    streams.stderr.write(`rfc2228: ${explain(error, args)}\n`);
    return EXIT.unusable;
  }
}

async function dispatch(args: string[], streams: Streams): Promise<number> {
  const print = (text: string): number => {
    streams.stdout.write(`${text}\n`);
    return EXIT.fine;
  };
  const [name = '', ...rest] = args;
  if (name === '--version') return print((await loadHelp()).VERSION);
  if (args.length === 0) throw new UsageError('no command given');
  const columns = streams.stdout.columns;
  if (name === '--help' || name === '-h' || name === 'help') return print(fitted(await helpFor(rest[0]), columns));
  if (!isSubcommand(name)) {
    const meant = nearest(name, Object.keys(SUBCOMMANDS));
    throw new UsageError(`no command ${JSON.stringify(name)}${meant === undefined ? '' : `: did you mean ${meant}?`}`);
  }
  if (rest.includes('--help') || rest.includes('-h')) return print(fitted(await helpFor(name), columns));
  const run = await SUBCOMMANDS[name]();
  return await run(rest, streams);
}

async function helpFor(name: string | undefined): Promise<string> {
  const { HELP } = await loadHelp();
  return name !== undefined && isSubcommand(name) ? HELP[name] : HELP.all;
}

function isSubcommand(name: string): name is Subcommand {
  return Object.hasOwn(SUBCOMMANDS, name);
}

/**
 * One line for an error that the user can correct. Any other error is a bug of this package, and the line shows where
 * it happened.
 */
function explain(error: unknown, [name = '']: string[]): string {
  const help = isSubcommand(name) ? `rfc2228 ${name} --help` : 'rfc2228 --help';
  if (error instanceof UsageError) return `${error.message} (see ${help})`;
  if (error instanceof FtpSecurityError) return ruleText(error);
  if (error instanceof InputError) return error.message;
  return internalError(error);
}
