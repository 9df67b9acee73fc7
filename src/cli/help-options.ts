/** The options that a text of `--help` names, so that completions and the man page are made from it. */
import { HELP, type Subcommand } from './help.js';

/** An option as its help describes it. */
export interface HelpOption {
  /** Without hyphens. */
  name: string;
  /** The word in the place of its value, e.g. `FILE`; undefined if it takes none. */
  value: string | undefined;
  /** The values that the help lists; empty if it has others. */
  choices: readonly string[];
  /** What it is for, in a few words; may be empty. */
  about: string;
}

/** The first line of a help text: `rfc2228 NAME ARGUMENTS: what it does`. */
export interface Usage {
  arguments: string;
  about: string;
  /** The words that its first argument can be; empty if it can be anything. */
  words: readonly string[];
}

/** A line that describes an option. */
const DEFINITION = /^ {2}--([a-z-]+)(?: (\S+))?.*?(?: {2,}(.*))?$/gm;
/** An option anywhere in the text, and the word in the place of its value. */
const MENTION = /--([a-z][a-z-]*[a-z])(?: ((?:\[[A-Z]+:\])?[A-Z][A-Z:]*\b))?/g;

/** An option of the named subcommand, which may be another one. */
const OF_OTHERS = /rfc2228 [a-z]+ --[a-z-]+/g;

/** In the order in which the help first names them. */
export function optionsOf(subcommand: Subcommand): HelpOption[] {
  const text = HELP[subcommand].replace(OF_OTHERS, mention =>
    mention.startsWith(`rfc2228 ${subcommand} `) ? mention : '',
  );
  const found = new Map<string, HelpOption>();
  for (const [, name, value] of text.matchAll(MENTION)) {
    const known = found.get(name!);
    found.set(name!, { name: name!, value: known?.value ?? value, choices: [], about: '' });
  }
  for (const [, name, value, about = ''] of text.matchAll(DEFINITION)) {
    const known = found.get(name!)!;
    const choices = /^[a-z]/.test(value ?? '') ? [...known.choices, value!] : known.choices;
    const firstClause = /^[^;:.(]*/.exec(about)![0].trim();
    found.set(name!, { ...known, value: known.value ?? value, choices, about: known.about || firstClause });
  }
  return [...found.values()];
}

export function usageOf(subcommand: Subcommand): Usage {
  const [, list = '', about = ''] = new RegExp(`^rfc2228 ${subcommand} ?(.*?): (.*)`).exec(HELP[subcommand])!;
  return { arguments: list, about, words: / \| /.test(list) && !/[A-Z]/.test(list) ? list.split(' | ') : [] };
}

export const SUBCOMMAND_NAMES = Object.keys(HELP).filter(name => name !== 'all') as Subcommand[];
