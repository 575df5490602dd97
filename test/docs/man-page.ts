/** `ringback(1)`, from the table of options, in the macros of man(7). */
import { type CommandName, commands, optionsOf } from '../../src/config/options.ts'
import {
  conventions,
  environment,
  everywhere,
  examples,
  exitCodes,
  label,
  paragraph,
  purpose,
  synopsis,
} from '../../src/config/usage.ts'
import { version } from '../../src/version.ts'

type Entry = readonly [string, string]

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
    plain(purpose),
    '.PP',
    plain(conventions),
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
