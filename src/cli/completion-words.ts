import type { Argument, Command, Option } from 'commander';

/** A command as a shell has to know it. */
export interface CommandWords {
  /** As it is typed, `job cancel`. */
  name: string;
  summary: string;
  options: OptionWords[];
  /** What may stand for its arguments. */
  values: ValueWords;
}

export interface OptionWords {
  /** `-c`, `--config`. */
  flags: string[];
  summary: string;
  /** Undefined: it takes none. */
  value?: ValueWords;
}

/** What may be typed: one of some words, a name of the running unit, or a file. */
export type ValueWords =
  | { words: readonly string[] }
  | { names: 'volumes' | 'mirrors' | 'both' | 'jobs' }
  | 'file'
  | 'anything';

/** Names that tell what a value is. */
const NAMES: Readonly<Record<string, ValueWords>> = {
  volume: { names: 'volumes' },
  mirror: { names: 'mirrors' },
  id: { names: 'jobs' },
};
const FILES = /file|path|folder|source|image|out|socket/i;

/** The tree of commands, those below others with the names above. */
export function treeOf(commands: readonly Command[], above = ''): CommandWords[] {
  return commands.flatMap((command) => {
    const name = above === '' ? command.name() : `${above} ${command.name()}`;
    const below = treeOf(command.commands, name);
    const first = command.registeredArguments[0];
    const values: ValueWords =
      below.length > 0
        ? { words: command.commands.map((one) => one.name()) }
        : first === undefined
          ? { words: [] }
          : command.registeredArguments.some((one) => one.name() === 'mirror')
            ? { names: 'both' }
            : argumentValue(first);
    const options = [...command.options.map(optionWords), { flags: ['-h', '--help'], summary: 'show what it does' }];
    return [{ name, summary: command.summary() || command.description(), options, values }, ...below];
  });
}

function argumentValue(argument: Argument): ValueWords {
  if (argument.argChoices !== undefined) return { words: argument.argChoices };
  const name = argument.name();
  return NAMES[name] ?? (FILES.test(name) ? 'file' : 'anything');
}

function optionWords(option: Option): OptionWords {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const words = { flags, summary: option.description };
  if (!option.required && !option.optional) return words;
  const name = option.attributeName();
  const value: ValueWords = option.argChoices
    ? { words: option.argChoices }
    : (NAMES[name] ?? (FILES.test(option.flags) ? 'file' : 'anything'));
  return { ...words, value };
}

/** For `source` in bash 4 or newer. */
export function bashScript(tree: readonly CommandWords[]): string {
  const branch = (one: CommandWords): string => {
    const values = one.options.flatMap(({ flags, value }) =>
      value === undefined ? [] : [`        ${flags.join('|')}) ${bashValue(value)}; return ;;`],
    );
    const flags = one.options.flatMap((option) => option.flags);
    return [
      `    ${quoted(one.name)})`,
      '      case "$prev" in',
      ...values,
      '      esac',
      `      if [[ $cur == -* ]]; then _tapmirror_words ${quoted(flags.join(' '))}`,
      `      else ${bashValue(one.values)}; fi ;;`,
    ].join('\n');
  };
  const tops = tree.filter(({ name }) => !name.includes(' ')).map(({ name }) => name);
  const nested = tree.filter(({ name }) => name.includes(' ')).map(({ name }) => quoted(name));
  return `# tapmirror: completion for bash, made by \`tapmirror completion bash\`
_tapmirror_words() { local IFS=$' \\t\\n'; COMPREPLY=($(compgen -W "$1" -- "$cur")); }
_tapmirror_files() { compopt -o filenames 2>/dev/null; local IFS=$'\\n'; COMPREPLY=($(compgen -f -- "$cur")); }
_tapmirror_names() {
  local i unit=()
  for ((i = 1; i < \${#words[@]} - 1; i++)); do
    case "\${words[i]}" in -c|--config|--control) unit=("\${words[i]}" "\${words[i+1]}") ;; esac
  done
  ((\${#unit[@]})) || return
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$("\${words[0]}" complete-names "$1" "\${unit[@]}" 2>/dev/null)" -- "$cur"))
  # A colon ends a word for bash: what stands before it is there already.
  local head="\${cur%"\${cur##*:}"}"
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then COMPREPLY=("\${COMPREPLY[@]#"$head"}"); fi
}
# Words as they are typed: bash takes them apart at colons.
_tapmirror_join() {
  local i
  words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    if ((i > 1)) && [[ \${COMP_WORDS[i]} == :* || \${COMP_WORDS[i-1]} == *: ]] && [[ -n \${COMP_WORDS[i-1]} ]]; then
      words[\${#words[@]}-1]+="\${COMP_WORDS[i]}"
    else words+=("\${COMP_WORDS[i]}"); fi
  done
  cur="\${words[\${#words[@]}-1]}"
  prev="\${words[\${#words[@]}-2]}"
}
_tapmirror() {
  local cur prev words command
  COMPREPLY=()
  _tapmirror_join
  if ((\${#words[@]} <= 2)); then _tapmirror_words ${quoted([...tops, '--help', '--version'].join(' '))}; return; fi
  command="\${words[1]}"
  if ((\${#words[@]} > 3)); then
    case "$command \${words[2]}" in ${nested.length === 0 ? "''" : nested.join('|')}) command+=" \${words[2]}" ;; esac
  fi
  case "$command" in
${tree.map(branch).join('\n')}
  esac
}
complete -F _tapmirror tapmirror
`;
}

function bashValue(value: ValueWords): string {
  if (value === 'file') return '_tapmirror_files';
  if (value === 'anything') return ':';
  if ('names' in value) return `_tapmirror_names ${value.names}`;
  return value.words.length === 0 ? ':' : `_tapmirror_words ${quoted(value.words.join(' '))}`;
}

/** For zsh: a file in \`fpath\` called \`_tapmirror\`, or for \`source\`. */
export function zshScript(tree: readonly CommandWords[]): string {
  const tops = tree.filter(({ name }) => !name.includes(' '));
  const branch = (one: CommandWords): string => {
    const below = tree.filter(({ name }) => name.startsWith(`${one.name} `));
    const rest =
      below.length > 0 ? [quoted(`1: :${zshWords(one.values)}`), quoted('*:: :->below')] : [zshRest(one.values)];
    return `    ${quoted(one.name)}) _arguments ${[...one.options.map(zshOption), ...rest].join(' ')} ;;`;
  };
  const nested = tree.filter(({ name }) => name.includes(' '));
  const summaries = tops.map(({ name, summary }) => quoted(`${name}:${summary}`)).join(' ');
  return `#compdef tapmirror
# tapmirror: completion for zsh, made by \`tapmirror completion zsh\`
_tapmirror_names() {
  local i unit=() names
  for ((i = 1; i < $#_tapmirror_line; i++)); do
    case $_tapmirror_line[i] in (-c|--config|--control) unit=($_tapmirror_line[i] \${(Q)_tapmirror_line[i+1]}) ;; esac
  done
  (($#unit)) || return
  names=(\${(f)"$($_tapmirror_line[1] complete-names $@[-1] $unit 2>/dev/null)"})
  compadd "\${@[1,-2]}" -a names
}
_tapmirror() {
  local command _tapmirror_line=("\${words[@]}")
  if ((CURRENT == 2)); then
    local commands=(${summaries})
    _describe command commands
    return
  fi
  command=$words[2]
  shift words; ((CURRENT--))
  if ((CURRENT > 2)); then
    case "$command $words[2]" in (${nested.length === 0 ? "''" : nested.map(({ name }) => quoted(name)).join('|')}) command+=" $words[2]"; shift words; ((CURRENT--)) ;; esac
  fi
  case $command in
${tree.map(branch).join('\n')}
  esac
}
if [[ $funcstack[1] == _tapmirror ]]; then _tapmirror "$@"; else compdef _tapmirror tapmirror; fi
`;
}

function zshOption({ flags, summary, value }: OptionWords): string {
  const words = summary.replace(/[[\]:'\\]/g, ' ');
  const told = (flag: string): string => {
    const takes = value === undefined ? '' : `: :${zshWords(value)}`;
    return quoted(`${flag}[${words}]${takes}`);
  };
  return flags.map(told).join(' ');
}

function zshRest(value: ValueWords): string {
  return quoted(`*: :${zshWords(value)}`);
}

function zshWords(value: ValueWords): string {
  if (value === 'file') return '_files';
  // Without an action zsh would tell a message, and insert nothing.
  if (value === 'anything') return '()';
  if ('names' in value) return `_tapmirror_names ${value.names}`;
  return `(${value.words.join(' ')})`;
}

/** One word of a shell. */
function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
