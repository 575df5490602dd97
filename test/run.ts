/**
 * What `npm test` runs: `node --import tsx test/run.ts [arguments of tap run]`.
 *
 * Without TEST_DATABASE_URL it starts an embedded PostgreSQL and removes it afterwards. The last line is
 * `N passed, N failed[, N skipped]`; fixtures/tally.ts says what is counted. Exits as tap does.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { constants, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { embeddedPostgres } from './fixtures/postgres/embedded.ts'
import { Tally } from './fixtures/tally.ts'

/** Durability is not under test here; the fault suite starts servers of its own. Two-phase commit is (`--wake poll`). */
const SETTINGS = { fsync: 'off', max_connections: '200', max_prepared_transactions: '10' }

const signalled = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => signalled.abort(signal))

const given = process.env.TEST_DATABASE_URL
const server = given === undefined || given === '' ? await embeddedPostgres({ settings: SETTINGS }) : undefined
const url = server?.url ?? given ?? ''
const run = randomBytes(3).toString('hex')
Object.assign(process.env, { TEST_DATABASE_URL: url, RINGBACK_TEST_RUN: run })
if (server !== undefined) {
  process.env.RINGBACK_TEST_EMBEDDED = '1'
  // PGSSLMODE, PGOPTIONS and the like are meant for another server.
  for (const name of Object.keys(process.env)) if (name.startsWith('PG')) delete process.env[name]
}
try {
  console.log(`# PostgreSQL ${await versionOf(url)}, ${server === undefined ? 'TEST_DATABASE_URL' : 'embedded'}`)
  process.exitCode = await runTap(process.argv.slice(2))
} finally {
  if (server === undefined) await dropDatabasesOfRun()
  else await server.remove()
}

async function runTap(args: readonly string[]): Promise<number> {
  const tally = new Tally()
  const isChosen = args.some(isReporter)
  const code =
    process.stdout.isTTY || isChosen
      ? await forPeople(isChosen ? args : ['--reporter=base', ...args], tally)
      : await plain(args, tally)
  for (const failure of tally.failures) console.log(`# failed: ${failure}`)
  if (code !== 0 && tally.failures.length === 0) console.log(`# ended early, exit code ${code}`)
  console.log(tally.line)
  return code
}

function isReporter(arg: string): boolean {
  return arg.startsWith('--reporter') || arg.startsWith('-R')
}

/** TAP goes through us to stdout: with an output file and no reporter, tap would print each line twice. */
async function plain(args: readonly string[], tally: Tally): Promise<number> {
  const tap = startTap(args, 'pipe')
  tap.stdout?.on('data', (chunk: Buffer) => process.stdout.write(chunk))
  tap.stdout?.pipe(tally.parser)
  return exitCode(tap)
}

/** A reporter draws on the terminal, while TAP goes to a file. */
async function forPeople(args: readonly string[], tally: Tally): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-tap-'))
  try {
    const file = join(folder, 'output.tap')
    const code = await exitCode(startTap([`--output-file=${file}`, ...args], 'inherit'))
    tally.parser.end(await readFile(file, 'utf8').catch(() => ''))
    return code
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function startTap(args: readonly string[], stdout: 'pipe' | 'inherit') {
  // In a process group of its own, so that all of it can be ended: tap leaves running test files behind after SIGTERM.
  const tap = spawn(process.execPath, [tapProgram(), 'run', ...args], {
    detached: true,
    stdio: ['ignore', stdout, 'inherit'],
  })
  const stop = () => process.kill(-(tap.pid ?? 0), 'SIGKILL')
  if (signalled.signal.aborted) stop()
  signalled.signal.addEventListener('abort', stop, { once: true })
  tap.once('exit', () => signalled.signal.removeEventListener('abort', stop))
  return tap
}

async function exitCode(tap: ReturnType<typeof spawn>): Promise<number> {
  const [code, signal] = (await once(tap, 'close')) as [number | null, NodeJS.Signals | null]
  const ended = signalled.signal.aborted ? (signalled.signal.reason as NodeJS.Signals) : signal
  return ended === null ? (code ?? 1) : 128 + constants.signals[ended]
}

function tapProgram(): string {
  const manifest = createRequire(import.meta.url).resolve('tap/package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { tap: string } }
  return join(dirname(manifest), bin.tap)
}

async function versionOf(database: string): Promise<string> {
  const [row] = await query<{ server_version: string }>(database, 'show server_version')
  return row?.server_version ?? 'of unknown version'
}

/** Also those of test files that were killed before their teardown. */
async function dropDatabasesOfRun(): Promise<void> {
  const ours = 'select datname from pg_database where starts_with(datname, $1)'
  for (const { datname } of await query<{ datname: string }>(url, ours, [`ringback_test_${run}_`])) {
    await query(url, `drop database ${datname} with (force)`)
  }
}

async function query<Row extends pg.QueryResultRow>(
  database: string,
  text: string,
  values: string[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  try {
    return (await client.query<Row>(text, values)).rows
  } finally {
    await client.end()
  }
}
