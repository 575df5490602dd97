import type { CompletionConfig } from '../config/config.ts'
import { type CommandName, commands, type Option, optionsOf } from '../config/options.ts'
import { recipes } from '../outbox/sql-files.ts'

const names = Object.keys(commands) as CommandName[]
const cookbook = (await recipes()).map(({ name }) => name)
const header = '# Written by ringback completion, from the table of options.'

/** `ringback completion`: prints the script with which a shell completes commands, options and their values. */
export async function completion({ shell }: CompletionConfig): Promise<number> {
  process.stdout.write(completionFor[shell]())
  return 0
}

/** What can stand behind an option or in the place of an argument: words, a file, or what nobody can guess. */
function valuesOf(option: Option): readonly string[] | 'file' | 'any' {
  if (option.value === 'FILE') return 'file'
  return option.choices ?? (option.value === 'NAME' && option.argument ? cookbook : 'any')
}

function flagsOf(command: CommandName): readonly { readonly flag: string; readonly option: Option }[] {
  return optionsOf(command).flatMap(([, option]) => {
    if (option.argument) return []
    const isOn = option.value === null && option.default === true
    return [{ flag: `--${isOn ? 'no-' : ''}${option.name}`, option }]
  })
}

function argumentOf(command: CommandName): Option | undefined {
  return optionsOf(command)
    .map(([, option]) => option)
    .find(option => option.argument)
}

/** The first sentence. */
function brief(text: string): string {
  return text.replace(/\. .*$/s, '').replace(/\.$/, '')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function bash(): string {
  return `${header}
_ringback() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} words= IFS=$' \\t\\n'
  # bash takes --option=value for three words.
  [[ $before == = ]] && before=\${COMP_WORDS[COMP_CWORD - 2]}
  [[ $word == = ]] && word=
  if ((COMP_CWORD == 1)); then
    words='${[...names, 'help', '--help', '--version'].join(' ')}'
  else
    case $before in
${bashValues().join('\n')}
      *)
        case \${COMP_WORDS[1]} in
          help) words='${names.join(' ')}' ;;
${names.map(bashWords).join('\n')}
        esac
        ;;
    esac
  fi
  if [[ $words == FILE ]]; then
    compopt -o filenames 2> /dev/null
    IFS=$'\\n'
    COMPREPLY=($(compgen -f -- "$word"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  fi
}
complete -F _ringback ringback
`
}

/** What stands behind the options that have a value. */
function bashValues(): string[] {
  const taking = names.flatMap(flagsOf).filter(({ option }) => option.value !== null)
  const kinds = new Set(taking.map(({ option }) => bashWordsOf(option)))
  return [...kinds].map(words => {
    const flags = new Set(taking.filter(({ option }) => bashWordsOf(option) === words).map(({ flag }) => flag))
    return `      ${[...flags].join(' | ')}) words=${words} ;;`
  })
}

/** What stands behind a command: its options, and what its argument can be. */
function bashWords(command: CommandName): string {
  const argument = argumentOf(command)
  const values = argument ? valuesOf(argument) : 'any'
  const flags = [...flagsOf(command).map(({ flag }) => flag), '--help']
  const words = `words='${[...(typeof values === 'string' ? [] : values), ...flags].join(' ')}'`
  return `          ${command}) ${values === 'file' ? `[[ $word == -* ]] && ${words} || words=FILE` : words} ;;`
}

function bashWordsOf(option: Option): string {
  const values = valuesOf(option)
  if (values === 'any') return "''"
  return values === 'file' ? 'FILE' : `'${values.join(' ')}'`
}

function zsh(): string {
  return `#compdef ringback
${header}
_ringback() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands=(
${names.map(name => `    ${quoted(`${name}:${brief(commands[name])}`)}`).join('\n')}
    'help:prints what a command does, with all options'
  )
  _arguments -C '(- *)'{-h,--help}'[prints the help]' '(- *)--version[prints the version]' '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest)
      case $words[1] in
        help) _arguments '1: :(${names.join(' ')})' ;;
${names.map(zshCommand).join('\n')}
      esac
      ;;
  esac
}
_ringback "$@"
`
}

function zshCommand(command: CommandName): string {
  const argument = argumentOf(command)
  const place = argument ? [quoted(`1:${argument.value}:${zshAction(argument)}`)] : []
  const lines = [...place, ...flagsOf(command).map(zshFlag), "'(- *)'{-h,--help}'[prints the help]'"]
  return `        ${command})\n          _arguments \\\n${lines.map(line => `            ${line}`).join(' \\\n')}\n          ;;`
}

function zshFlag({ flag, option }: { readonly flag: string; readonly option: Option }): string {
  const text = brief(option.help).replace(/[[\]]/g, '\\$&').replaceAll(':', '\\:')
  const times = option.isList ? '*' : ''
  const value = option.value === null ? '' : `:${option.value}:${zshAction(option)}`
  return quoted(`${times}${flag}[${text}]${value}`)
}

function zshAction(option: Option): string {
  const values = valuesOf(option)
  if (values === 'any') return ' '
  return values === 'file' ? '_files' : `(${values.join(' ')})`
}

function fish(): string {
  const lines = names.flatMap(command => [
    `complete -c ringback -n __fish_use_subcommand -a ${command} -d ${fishText(commands[command])}`,
    ...fishArgument(command),
    ...flagsOf(command).map(({ flag, option }) => {
      const text = fishText(option.help)
      return `${fishCommand(command)} -l ${flag.slice(2)}${fishValue(option)} -d ${text}`
    }),
  ])
  return `${header}
complete -c ringback -f
complete -c ringback -s h -l help -d 'Prints the help'
complete -c ringback -n __fish_use_subcommand -l version -d 'Prints the version'
complete -c ringback -n __fish_use_subcommand -a help -d 'Prints what a command does, with all options'
complete -c ringback -n '__fish_seen_subcommand_from help' -a '${names.join(' ')}'
${lines.join('\n')}
`
}

function fishCommand(command: CommandName): string {
  return `complete -c ringback -n '__fish_seen_subcommand_from ${command}'`
}

function fishArgument(command: CommandName): string[] {
  const argument = argumentOf(command)
  const values = argument ? valuesOf(argument) : 'any'
  if (values === 'any') return []
  return [`${fishCommand(command)} ${values === 'file' ? '-F' : `-a '${values.join(' ')}'`}`]
}

function fishValue(option: Option): string {
  if (option.value === null) return ''
  const values = valuesOf(option)
  if (values === 'any') return ' -x'
  return values === 'file' ? ' -r -F' : ` -x -a '${values.join(' ')}'`
}

function fishText(text: string): string {
  return `'${brief(text).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

export const completionFor = { bash, zsh, fish } as const
