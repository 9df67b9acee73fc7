/** `rfc2228 completion`: completions for shells, made from the help. */
import { type HelpOption, optionsOf, SUBCOMMAND_NAMES, usageOf } from './help-options.js';
import { EXIT, UsageError } from './status.js';
import type { Streams } from './streams.js';

const SHELLS: Readonly<Record<string, () => string>> = { bash, zsh, fish };

export function completion([shell = '', ...more]: string[], { stdout }: Streams): number {
  const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (script === undefined || more.length > 0) {
    throw new UsageError(`completion needs one of ${Object.keys(SHELLS).join(', ')}`);
  }
  stdout.write(script());
  return EXIT.fine;
}

const COMMANDS = SUBCOMMAND_NAMES.map(name => ({ name, ...usageOf(name), options: optionsOf(name) }));
const namesOf = (options: readonly HelpOption[]) =>
  [...options, { name: 'help' }].map(({ name }) => `--${name}`).join(' ');

/** Where it proposes nothing, bash completes the names of files. */
function bash(): string {
  const cases = COMMANDS.map(({ name, words, options }) => {
    const choices = options
      .filter(option => option.choices.length > 0)
      .map(option => `        --${option.name}) words='${option.choices.join(' ')}' ;;\n`);
    const valued = options.filter(({ value, choices }) => value !== undefined && choices.length === 0);
    const values = valued.length > 0 ? `        ${valued.map(it => `--${it.name}`).join('|')}) ;;\n` : '';
    const first = words.length > 0 ? `        ${name}) words='${words.join(' ')}' ;;\n` : '';
    const rest = `        *) [[ $word == -* ]] && words='${namesOf(options)}' ;;\n`;
    return `    ${name})\n      case $before in\n${[first, ...choices, values, rest].join('')}      esac ;;\n`;
  });
  return `# Completion of rfc2228 for bash: eval "$(rfc2228 completion bash)"
_rfc2228() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} command=\${COMP_WORDS[1]} words=
  ((COMP_CWORD > 1)) || command=
  case $command in
    '') words='${SUBCOMMAND_NAMES.join(' ')} --help --version' ;;
${cases.join('')}  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _rfc2228 rfc2228
`;
}

function zsh(): string {
  const quoted = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;
  const optionSpec = ({ name, value, choices, about }: HelpOption) => {
    const argument = value === undefined ? '' : `:${value.replace(/[[\]:]/g, ' ').trim()}:${zshAction(value, choices)}`;
    return quoted(`*--${name}${about && `[${about.replace(/[[\]]/g, '')}]`}${argument}`);
  };
  const cases = COMMANDS.map(({ name, words, options }) => {
    const specs = [...options.map(optionSpec), quoted('--help[how to use it]')];
    if (words.length > 0) specs.push(quoted(`1:what:(${words.join(' ')})`));
    return `    ${name}) _arguments ${[...specs, quoted('*:file:_files')].join(' \\\n      ')} ;;\n`;
  });
  return `#compdef rfc2228
# Completion of rfc2228 for zsh: eval "$(rfc2228 completion zsh)", or a file _rfc2228 in a folder of $fpath
_rfc2228() {
  if ((CURRENT == 2)); then
    local -a commands=(${COMMANDS.map(({ name, about }) => quoted(`${name}:${about}`)).join(' ')})
    _describe command commands
    return
  fi
  shift words
  ((CURRENT--))
  case $words[1] in
${cases.join('')}  esac
}
if [[ $funcstack[1] == _rfc2228 ]]; then _rfc2228 "$@"; else compdef _rfc2228 rfc2228; fi
`;
}

function zshAction(value: string, choices: readonly string[]): string {
  if (choices.length > 0) return `(${choices.join(' ')})`;
  if (value === 'DIR') return '_files -/';
  return ['FILE', 'PATH'].includes(value) ? '_files' : ' ';
}

function fish(): string {
  const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
  const lines = COMMANDS.flatMap(({ name, about, words, options }) => {
    const within = `complete -c rfc2228 -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c rfc2228 -n __fish_use_subcommand -f -a ${name} -d ${quoted(about)}`,
      ...(words.length > 0 ? [`${within} -a ${quoted(words.join(' '))}`] : []),
      ...options.map(
        option => `${within} -l ${option.name}${fishValue(option)}${option.about && ` -d ${quoted(option.about)}`}`,
      ),
    ];
  });
  return `# Completion of rfc2228 for fish: rfc2228 completion fish | source
${lines.join('\n')}
`;
}

function fishValue({ value, choices }: HelpOption): string {
  if (value === undefined) return '';
  if (choices.length > 0) return ` -x -a '${choices.join(' ')}'`;
  return ['FILE', 'PATH', 'DIR'].includes(value) ? ' -r -F' : ' -x';
}
