/** The help texts, made from the table of options, so that they match the program. */
import { type CommandName, commands, defaultText, flagOf, type Option, optionsOf, variableOf } from './options.ts'

/** Longest line, in columns: fits half a wide screen, and a mail. */
const width = 100
/** The column of the text beside a name. */
const indent = 30

/** What the program does. */
export const purpose =
  'An INSERT in your own PostgreSQL transaction becomes a form POST, sent in order, retried until it arrives or is dead, with a record of every attempt.'

/** What holds for the options of every command. */
export const conventions =
  'A duration has a unit: 500ms, 15s, 5m, 1h, 30d. A flag wins over its environment variable. All faults of a configuration are listed together, with exit code 2.'

export const environment: readonly (readonly [string, string])[] = [
  ['DATABASE_URL', 'which PostgreSQL, such as postgres://user@host:5432/database'],
  ['DATABASE_URL_FILE', 'a file that holds that URL, such as a mounted secret'],
  ['PGHOST, PGUSER, ...', 'as in libpq, also PGPORT, PGPASSWORD, PGDATABASE and PGPASSFILE, without a URL'],
  ['RINGBACK_<OPTION>', 'every option, such as RINGBACK_MAX_ATTEMPTS=20 for --max-attempts 20'],
]

export const everywhere: readonly (readonly [string, string])[] = [
  ['-h, --help', 'Prints this help.'],
  ['--version', 'Prints the version.'],
]

export const examples: readonly (readonly [string, string])[] = [
  ['ringback migrate && ringback run', 'create the schema where DATABASE_URL points, then deliver'],
  [
    'ringback replay --dead --url https://crm.example/ --since 2h',
    'send callbacks to this receiver again that died in the last two hours',
  ],
  ['ringback replay --now --url https://crm.example/', 'the receiver works again: retry its failed callbacks now'],
]

export const exitCodes: readonly (readonly [string, string])[] = [
  ['0', 'success'],
  ['1', 'failed while running, for example because the database does not answer; or `doctor` found a fault'],
  [
    '2',
    'wrong usage or configuration (all faults are listed), no password although the server wants one, a pooler in transaction mode, or row level security',
  ],
  ['3', 'the schema is missing, too old or too new for this ringback, or belongs to other software'],
  ['4', 'the database is a standby'],
]

/** `ringback --help`. Ends with a line break. */
export function usage(): string {
  const names = Object.entries(commands).map(([name, summary]) => [synopsis(name as CommandName), summary] as const)
  return text([
    ...wrap(`Ringback delivers HTTP callbacks from a transactional outbox. ${purpose}`, 0),
    '',
    'Usage: ringback <command> [options]',
    ...section('Commands', names),
    ...section('Help', [
      ['ringback help <command>', 'all options of a command, with defaults and environment variables'],
      ['--version', 'prints the version'],
    ]),
    ...section('Environment', environment),
    '',
    'Examples:',
    ...examples.flatMap(([line, what]) => [`  ${line}`, `      ${what}`]),
    ...section('Exit codes', exitCodes),
  ])
}

/** `ringback <command> --help`. Ends with a line break. */
export function commandUsage(command: CommandName): string {
  const described = optionsOf(command).map(([, option]) => [label(option), paragraph(option)] as const)
  const isArgument = ([name]: readonly [string, string]): boolean => name.startsWith('<')
  const given = described.filter(isArgument)
  return text([
    `Usage: ringback ${synopsis(command)}`,
    '',
    ...wrap(`ringback ${command} ${commands[command]}.`, 0),
    ...(given.length > 0 ? section('Arguments', given) : []),
    ...section('Options', [...described.filter(entry => !isArgument(entry)), ...everywhere]),
    '',
    ...wrap(conventions, 0),
  ])
}

/** The command as typed. */
export function synopsis(command: CommandName): string {
  const places = optionsOf(command).filter(([, { argument }]) => argument)
  const taken = places.map(([, option]) => (option.argument === 'optional' ? `[${flagOf(option)}]` : flagOf(option)))
  return [command, ...taken, '[options]'].join(' ')
}

/** An option with its value, such as `--lease DURATION`. */
export function label(option: Option): string {
  if (option.value === null) return option.default === true ? `--[no-]${option.name}` : flagOf(option)
  return option.argument ? flagOf(option) : `${flagOf(option)} ${option.value}`
}

export function paragraph(option: Option): string {
  if (option.argument) return option.help
  const unit = option.unit ? ` ${option.unit}` : ''
  const limits = option.limits ? `${option.limits} ` : ''
  return `${option.help} Default: ${defaultText(option)}${unit}. ${limits}Environment: ${variableOf(option)}.`
}

function section(title: string, entries: readonly (readonly [string, string])[]): string[] {
  return ['', `${title}:`, ...entries.flatMap(([name, what]) => beside(name, what))]
}

/** The name on the left, its text wrapped on the right. */
function beside(name: string, what: string): string[] {
  const [first = '', ...others] = wrap(what, indent)
  return [`  ${name}`.padEnd(indent) + first.trimStart(), ...others]
}

/** Lines of at most `width` columns with `margin` spaces before each. A longer word has a line of its own. */
function wrap(words: string, margin: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of words.split(' ')) {
    if (line !== '' && margin + line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line].map(each => ' '.repeat(margin) + each)
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`
}
