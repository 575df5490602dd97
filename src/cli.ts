#!/usr/bin/env node
import { existsSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { commandNamed, type Environment, logFormatOf, parse } from './config/config.ts'
import type { CommandName, ConfigOf } from './config/options.ts'
import { commandUsage, usage } from './config/usage.ts'
import { messageOf, RingbackError, UsageError } from './errors.ts'
import { printableLines } from './printable.ts'
import { version } from './version.ts'

/** Each command is loaded on demand: `ringback status` need not load an HTTP client. */
const run: { readonly [C in CommandName]: (config: ConfigOf<C>) => Promise<number> } = {
  run: async config => (await import('./commands/run.ts')).run(config),
  migrate: async config => (await import('./commands/migrate.ts')).migrate(config),
  status: async config => (await import('./commands/status.ts')).status(config),
  doctor: async config => (await import('./commands/doctor.ts')).doctor(config),
  attempts: async config => (await import('./commands/attempts.ts')).attempts(config),
  try: async config => (await import('./commands/try.ts')).tryReceiver(config),
  replay: async config => (await import('./commands/replay.ts')).replay(config),
  ui: async config => (await import('./commands/ui.ts')).ui(config),
  health: async config => (await import('./commands/health.ts')).health(config),
  cancel: async config => (await import('./commands/cancel.ts')).cancel(config),
  hold: async config => (await import('./commands/hold.ts')).hold(config),
  release: async config => (await import('./commands/release.ts')).release(config),
  purge: async config => (await import('./commands/purge.ts')).purge(config),
  sql: async config => (await import('./commands/sql.ts')).sql(config),
  completion: async config => (await import('./commands/completion.ts')).completion(config),
  keygen: async config => (await import('./commands/keygen.ts')).keygen(config),
}

/**
 * @param argv without the program's own name.
 * @returns the exit code; see `ringback --help`. Never rejects: errors go to stderr.
 */
export async function main(argv: readonly string[], env: Environment): Promise<number> {
  try {
    const help = helpFor(argv)
    if (help !== null) return print(help)
    const [command, ...rest] = argv
    if (command === undefined) return askForCommand()
    return await execute(commandNamed(command), rest, env)
  } catch (error) {
    return report(error, false)
  }
}

/** Prints the help on stderr. The exit code is 2, so that a script that lost its command fails. */
function askForCommand(): number {
  process.stderr.write(usage())
  return 2
}

/** The text for `--help`, `help` or `--version`, even if other arguments are wrong. null: not asked for. */
function helpFor(argv: readonly string[]): string | null {
  const end = argv.indexOf('--')
  const asked = (flag: string): boolean => argv.slice(0, end < 0 ? argv.length : end).includes(flag)
  const [command = '', topic] = argv
  if (command === 'help')
    return topic === undefined || topic.startsWith('-') ? usage() : commandUsage(commandNamed(topic))
  if (asked('--help') || asked('-h')) return command.startsWith('-') ? usage() : commandUsage(commandNamed(command))
  return asked('--version') ? `${version}\n` : null
}

async function execute<C extends CommandName>(command: C, argv: readonly string[], env: Environment): Promise<number> {
  const { config } = await parsed(command, argv, env)
  try {
    return await run[command](config)
  } catch (error) {
    return report(error, config.logLevel === 'debug' || config.logLevel === 'trace')
  }
}

/**
 * Wrong settings of a relay are also an event of its log, so that whoever collects the log sees why it does not start.
 */
async function parsed<C extends CommandName>(command: C, argv: readonly string[], env: Environment) {
  try {
    return parse(command, argv, env)
  } catch (error) {
    if (command === 'run' && error instanceof UsageError) {
      const { logRefusedStart } = await import('./commands/refused-start.ts')
      logRefusedStart(error, logFormatOf(argv, env))
    }
    throw error
  }
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

function report(error: unknown, withStack: boolean): number {
  if (error instanceof RingbackError) {
    process.stderr.write(`${printableLines(error.message)}\n`)
    return error.exitCode
  }
  const stack = withStack && error instanceof Error ? error.stack : undefined
  process.stderr.write(`ringback: ${printableLines(stack ?? messageOf(error))}${remedyOf(error)}\n`)
  return 1
}

/**
 * With too few file descriptors, Node cannot read the program's own files. In some versions of Node the loader's error
 * has no `code`. In others it says that an existing file cannot be found.
 */
function remedyOf(error: unknown): string {
  const message = messageOf(error)
  const [, missing = ''] = /^Cannot find (?:package|module) '([^']+)'/.exec(message) ?? []
  const isTooMany = /\bEMFILE\b/.test(message) || (missing !== '' && existsSync(dirname(missing)))
  return isTooMany
    ? '\nThe limit of open files is too low: raise the hard limit (systemd: LimitNOFILE=, a shell: ulimit -Hn).'
    : ''
}

/** A reader of our output may stop reading, as `| head` does. That is no error. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}

/** False if this file was imported. npm starts a bin through a symbolic link. */
function isProgram(): boolean {
  const path = process.argv[1]
  return path !== undefined && existsSync(path) && realpathSync(path) === fileURLToPath(import.meta.url)
}

if (isProgram()) {
  const argv = process.argv.slice(2)
  const isRelay = argv[0] === 'run'
  // Deprecations concern those who write a program, not those who run it.
  process.noDeprecation = true
  // A relay's stdout is its log, which counts lost lines by itself. A command whose answer cannot be printed has
  // failed.
  process.stdout.on('error', isRelay ? () => {} : ignoreClosedPipe)
  // If errors cannot be printed, the exit code still reports them.
  process.stderr.on('error', () => {})
  process.exitCode = await main(argv, process.env)
  // Unread log lines or a timer must not keep a stopped relay alive. A command waits until its answer is read.
  if (isRelay) setTimeout(() => process.exit(), 1_000).unref()
}
