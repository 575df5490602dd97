/**
 * What `npm test` runs: `node --import tsx test/run.ts [test files, or folders of them]`, by default all.
 *
 * Without TEST_DATABASE_URL it starts an embedded PostgreSQL and removes it afterwards. The last line is
 * `N passed, N failed[, N skipped]`; fixtures/tally.ts says what is counted. Exits with 1 when a test has failed.
 */
import { randomBytes } from 'node:crypto'
import { availableParallelism, constants } from 'node:os'
import pg from 'pg'
import { bundle } from './fixtures/bundle.ts'
import { embeddedPostgres } from './fixtures/postgres/embedded.ts'
import { Tally } from './fixtures/tally.ts'
import { runTestFiles, testFiles } from './fixtures/test-files.ts'

/** Durability is not under test here; the fault suite starts servers of its own. Two-phase commit is (`--wake poll`). */
const SETTINGS = { fsync: 'off', max_connections: '400', max_prepared_transactions: '10' }

/** Test files at once. A file waits for timers and processes half of its time. */
const JOBS = 2 * Math.max(2, availableParallelism())

/** Begun first, or the run would end with one of them alone. */
const LONG = /\/(simulation\/|demo\/demo|acceptance\/|commands\/|postgres\/embedded|doctor\/planted)/

const DEMO = 'test/demo/demo.ts'

const files = chosenFiles(process.argv.slice(2))
const programs = await bundle([...files, DEMO])

const signalled = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => signalled.abort(signal))

const given = process.env.TEST_DATABASE_URL
const server =
  given === undefined || given === '' ? await embeddedPostgres({ settings: SETTINGS, keepsCluster: true }) : undefined
const url = server?.url ?? given ?? ''
const run = randomBytes(3).toString('hex')
Object.assign(process.env, {
  TEST_DATABASE_URL: url,
  RINGBACK_TEST_RUN: run,
  RINGBACK_TEST_CLI: programs.cli,
  RINGBACK_TEST_DEMO: programs.programOf(DEMO),
})
if (server !== undefined) {
  process.env.RINGBACK_TEST_EMBEDDED = '1'
  process.env.RINGBACK_TEST_CLUSTER = server.cluster
  // PGSSLMODE, PGOPTIONS and the like are meant for another server.
  for (const name of Object.keys(process.env)) if (name.startsWith('PG')) delete process.env[name]
}
try {
  console.log(`# PostgreSQL ${await versionOf(url)}, ${server === undefined ? 'TEST_DATABASE_URL' : 'embedded'}`)
  process.exitCode = await runTests()
} finally {
  await programs.remove()
  if (server === undefined) await dropDatabasesOfRun()
  else await server.remove()
}

function chosenFiles(paths: readonly string[]): string[] {
  try {
    return testFiles(paths.length === 0 ? ['test'] : paths)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(2)
  }
}

async function runTests(): Promise<number> {
  const tally = new Tally()
  const isLong = (file: string) => Number(LONG.test(file))
  const isWell = await runTestFiles({
    files: files.toSorted((a, b) => isLong(b) - isLong(a)),
    programOf: programs.programOf,
    jobs: JOBS,
    signal: signalled.signal,
    write(tap, closing) {
      tally.parser.write(tap)
      // People are shown what failed, and that the others passed.
      process.stdout.write(process.stdout.isTTY && closing?.startsWith('ok') ? closing : tap)
    },
  })
  tally.parser.end()
  for (const failure of tally.failures) console.log(`# failed: ${failure}`)
  console.log(tally.line)
  if (signalled.signal.aborted) return 128 + constants.signals[signalled.signal.reason as NodeJS.Signals]
  return isWell ? 0 : 1
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
