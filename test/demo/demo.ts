/**
 * `make demo`: all of it on this machine, in forty seconds. Leaves nothing behind, however it ends. Options:
 * `--keep` (runs on until Ctrl-C), `--port N` (of the first receiver; the others take the next two), `--log-level LEVEL`.
 *
 * Ends with 0; with 1 when something failed or does not add up; with 130 after Ctrl-C.
 */
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { messageOf } from '../../src/errors.ts'
import { migrate } from '../../src/outbox/migrate.ts'
import { embeddedPostgres } from '../fixtures/postgres/embedded.ts'
import { copiesHaveNoEffect, flowsRun, operatorReplays, type Scene, showBalance, systemFails } from './acts.ts'
import { Ending, Interrupted, interruptedCode } from './ending.ts'
import { demoOptions, ringback, startPage, startRelay } from './processes.ts'
import { effectTable, Receiver } from './receiver.ts'
import { Scheduler } from './scheduler.ts'
import { Screen } from './screen.ts'

const { values: options } = parseArgs({
  options: {
    keep: { type: 'boolean', default: false },
    port: { type: 'string', default: '0' },
    'log-level': { type: 'string', default: 'info' },
  },
})

const sqlFile = (name: string) => readFile(new URL(`../../sql/${name}`, import.meta.url), 'utf8')

// PGSSLMODE, PGOPTIONS and the like are meant for another server.
for (const name of Object.keys(process.env)) if (name.startsWith('PG')) delete process.env[name]
const screen = new Screen(process.stdout)
const ending = new Ending(() => screen.line('\n   Stopping ...'))
let relayLog = ''

process.exitCode = await perform().catch(failed)
await ending.takeDown()
if (process.exitCode === 0 && !ending.signal.aborted) screen.line()
if (process.exitCode !== 1) screen.say('Stopped. Nothing is left behind.')
process.exit()

async function perform(): Promise<number> {
  screen.title('Ringback: HTTP callbacks that commit together with the change they tell about.')
  const scene = await open()
  await flowsRun(scene)
  await systemFails(scene)
  await operatorReplays(scene)
  await copiesHaveNoEffect(scene)
  const addsUp = await showBalance(scene)
  if (!addsUp) await showRelayLog()
  whereNext()
  if (options.keep) await keepRunning(scene)
  return addsUp ? 0 : 1
}

/** Everything is started, and what it is and where is shown. */
async function open(): Promise<Scene> {
  const { signal } = ending
  screen.step('A PostgreSQL starts in a folder of its own, for this demo only.')
  const server = await embeddedPostgres({ signal })
  ending.undo(() => server.remove())
  const folder = dirname(server.logFile)
  relayLog = join(folder, 'relay.log')
  const applied = await migrate({ connectionString: server.url }, { schema: 'outbox', wake: 'keep' })
  const db = pool(server.url)
  await db.query(await sqlFile('examples/thain.sql'))
  const { rows } = await db.query<{ version: string }>(`select split_part(version(), ' ', 2) as version`)
  screen.fact('PostgreSQL', `${rows[0]?.version} on 127.0.0.1:${server.port}`)
  screen.fact('folder', folder)
  screen.fact('outbox', `Ringback's schema, by ringback migrate: ${applied.join(', ')}`)
  screen.fact('scheduler', `a sample scheduler's tables, with triggers that write callbacks`)

  screen.step('A relay and a page for operators start, as processes of their own, and a receiver.')
  const [keyFile, configFile] = [join(folder, 'receiver.key'), join(folder, 'relay.yaml')]
  await ringback(['keygen', keyFile], '', signal)
  await writeFile(configFile, 'origins:\n  - match: http://127.0.0.1:*\n    sign: { file: receiver.key }\n')
  // The demo has but one server; the receiver shares nothing else with the outbox.
  await db.query('create database receiver')
  const receiverUrl = new URL('/receiver', server.url).href
  const receiverDb = pool(receiverUrl)
  await receiverDb.query(await sqlFile('receiver/inbox.sql'))
  await receiverDb.query(effectTable)
  const receiver = new Receiver(receiverDb, await readFile(keyFile, 'utf8'), each => screen.arrival(each))
  ending.undo(() => receiver.close())
  await receiver.listen(Number(options.port))
  const scheduler = new Scheduler(pool(server.url), signal, callbacks =>
    screen.event(`ROLLBACK of a transaction that has written ${callbacks} callback${callbacks === 1 ? '' : 's'}`),
  )
  const flows = await addFlows(scheduler, receiver)
  screen.fact('crm', `${receiver.origin('crm')}  hears of flow 1, "invoices", and its jobs`)
  screen.fact('erp', `${receiver.origin('erp')}  hears of the jobs of flow 2, "stock"`)
  screen.fact('dwh', `${receiver.origin('dwh')}  hears of flow 3, "report"`)
  screen.fact('', 'They share a key with the relay, and a database with an inbox.')
  const relay = { databaseUrl: server.url, configFile, logFile: relayLog, logLevel: options['log-level'] }
  ending.undo(await startRelay({ ...relay, lost: ending.fail }))
  const page = await startPage({ databaseUrl: server.url, logFile: relayLog, lost: ending.fail })
  ending.undo(page.stop)
  screen.fact('relay', `ringback run ${demoOptions.join(' ')}`)
  screen.fact('', '             --allow 127.0.0.1, where the receivers are')
  screen.fact('', '             --config relay.yaml, by which it signs')
  screen.fact('page', `${page.address}  by ringback ui: open it in a browser`)
  return { screen, signal, databaseUrl: server.url, receiverUrl, db, receiverDb, receiver, scheduler, flows }
}

async function addFlows(scheduler: Scheduler, receiver: Receiver): Promise<Scene['flows']> {
  const url = receiver.url.bind(receiver)
  return {
    invoices: await scheduler.addFlow({
      name: 'invoices',
      urls: { flow: url('/crm/flow'), job: url('/crm/job') },
      jobs: ['collect', 'send'],
    }),
    stock: await scheduler.addFlow({ name: 'stock', urls: { job: url('/erp/job') }, jobs: ['count', 'order', 'book'] }),
    report: await scheduler.addFlow({
      name: 'report',
      urls: { flow: url('/dwh/flow'), modify: url('/dwh/plan') },
      jobs: ['build'],
    }),
  }
}

function pool(url: string): pg.Pool {
  const made = new pg.Pool({ connectionString: url, application_name: 'ringback demo', max: 5 })
  // A session that is ended says so to its next query.
  made.on('error', () => {})
  ending.undo(() => made.end())
  return made
}

function whereNext(): void {
  screen.line()
  screen.line('   Where to look next')
  screen.pointer('README.md', 'what is promised, how to install and to run it')
  screen.pointer('sql/examples/thain.sql', 'the triggers that wrote these callbacks')
  screen.pointer('sql/receiver/inbox.sql', "the receiver's inbox, for any language")
  screen.pointer('sql/cookbook/', 'replay, hold, cancel, amend: by plain SQL')
  screen.pointer('ringback status', 'yours: DATABASE_URL=... node dist/cli.js status')
  if (!options.keep) screen.pointer('make demo ARGS=--keep', 'keeps all this running, for you to try things')
}

/** Until Ctrl-C. What arrives meanwhile is shown. */
async function keepRunning({ databaseUrl, receiverUrl }: Scene): Promise<void> {
  screen.step('Everything keeps running until Ctrl-C, and then leaves nothing behind. In another terminal:')
  screen.command([
    `export DATABASE_URL=${databaseUrl}`,
    'node dist/cli.js status',
    `psql ${databaseUrl}`,
    '=# UPDATE scheduler.flow SET scheduling_status = 1 WHERE id = 3;',
    '=# SELECT id, status, attempts FROM outbox.callback ORDER BY id DESC LIMIT 5;',
    `psql ${receiverUrl}`,
    '=# SELECT * FROM effect ORDER BY id DESC LIMIT 5;',
  ])
  screen.say('What arrives is shown here. The log of the relay:')
  screen.command([relayLog])
  await new Promise<void>(resolve => ending.signal.addEventListener('abort', () => resolve(), { once: true }))
  if (!(ending.signal.reason instanceof Interrupted)) throw ending.signal.reason
}

/** What was thrown after an abort is but its echo. */
async function failed(error: unknown): Promise<number> {
  const why = ending.signal.aborted ? ending.signal.reason : error
  if (why instanceof Interrupted) return interruptedCode
  screen.warn(`The demo has failed: ${messageOf(why)}`)
  await showRelayLog()
  return 1
}

/** A copy of it stays. */
async function showRelayLog(): Promise<void> {
  const log = await readFile(relayLog, 'utf8').catch(() => undefined)
  if (log === undefined) return
  const kept = join(tmpdir(), `ringback-demo-relay-${process.pid}.log`)
  await copyFile(relayLog, kept)
  screen.warn(`The log of the relay: ${kept}, which ends`)
  screen.output(log.trimEnd().split('\n').slice(-10).join('\n'))
}
