/** `ringback(1)`, from the table of options, in the macros of man(7). */
import { type CommandName, commands, optionsOf } from '../../src/config/options.ts'
import { everywhere, examples, exitCodes, label, paragraph, synopsis } from '../../src/config/usage.ts'
import { version } from '../../src/version.ts'

type Entry = readonly [string, string]

const environment: readonly Entry[] = [
  ['DATABASE_URL', 'which PostgreSQL, such as postgres://user@host:5432/database'],
  ['DATABASE_URL_FILE', 'a file that holds that URL, such as a mounted secret'],
  ['PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGPASSFILE', 'as in libpq, without a URL'],
  ['RINGBACK_<OPTION>', 'every option, such as RINGBACK_MAX_ATTEMPTS=20; a flag wins over its variable'],
]

export function manPage(): string {
  const names = Object.keys(commands) as CommandName[]
  const lines = [
    '.\\" Written by make docs, from the table of options.',
    `.TH RINGBACK 1 "" "Ringback ${version}" "User Commands"`,
    // Names are not divided, and spaces stay as they are.
    '.nh',
    '.ad l',
    '.SH NAME',
    'ringback \\- deliver HTTP callbacks from a transactional outbox in PostgreSQL',
    '.SH SYNOPSIS',
    '.B ringback',
    '.I command',
    '[options]',
    '.SH DESCRIPTION',
    plain(
      'An INSERT in your own PostgreSQL transaction becomes a form POST, sent in order, retried until it arrives or is dead, with a record of every attempt.',
    ),
    '.PP',
    plain('A duration has a unit: 500ms, 15s, 5m, 1h, 30d. All faults of a configuration are listed together.'),
    '.SH COMMANDS',
    ...names.flatMap(commandSection),
    '.SH OPTIONS',
    plain('Every command takes these.'),
    ...tagged(everywhere),
    '.SH ENVIRONMENT',
    ...tagged(environment),
    '.SH EXIT STATUS',
    ...tagged(exitCodes),
    '.SH EXAMPLES',
    ...examples.flatMap(([line, what]) => [plain(sentence(what)), '.PP', '.EX', plain(line), '.EE', '.PP']),
    '.SH SEE ALSO',
    '.BR psql (1),',
    'and the documentation in the folder docs of the package.',
  ]
  return `${lines.join('\n')}\n`
}

function commandSection(command: CommandName): string[] {
  const described = optionsOf(command).map(([, option]): Entry => [label(option), paragraph(option)])
  return [
    `.SS ringback ${plain(synopsis(command))}`,
    plain(`ringback ${command} ${commands[command]}.`),
    ...tagged(described),
  ]
}

/** Each name in bold, with its text below. */
function tagged(entries: readonly Entry[]): string[] {
  return entries.flatMap(([name, what]) => ['.TP', `\\fB${plain(name)}\\fR`, plain(sentence(what))])
}

/** Help texts are sentences already, and may begin with a value that is written small. */
function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

/** A hyphen stays the character that can be copied; no line of text begins as a request. */
function plain(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1')
}
