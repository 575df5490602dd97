import { basename, dirname } from 'node:path'
import type pg from 'pg'
import type { EmbeddedPostgres } from './embedded.ts'
import { demoOptions, demoReach } from './relay-process.ts'
import { addFlows, type Scene } from './scene.ts'
import type { Stage } from './stage.ts'

/** The first acts: everything is started, and what it is and where is shown. */
export async function open(stage: Stage): Promise<Scene> {
  const { screen } = stage
  screen.step('A PostgreSQL starts in a folder of its own, for this demo only.')
  const server = await stage.startServer()
  const db = await openSchemas(stage, server)
  screen.step('A relay and a receiver start, each a process of its own.')
  const keys = await stage.makeSigning(server)
  const { databaseUrl: receiverUrl, receiverDb } = await stage.makeReceiverDatabase(server, db)
  const receivers = await stage.startReceivers(receiverUrl, keys)
  const scheduler = stage.startScheduler(server)
  const flows = await addFlows(scheduler, receivers)
  screen.fact('crm', `${receivers.origin('crm')}  hears of flow 1, "invoices", and its jobs`)
  screen.fact('erp', `${receivers.origin('erp')}  hears of the jobs of flow 2, "stock"`)
  screen.fact('dwh', `${receivers.origin('dwh')}  hears of flow 3, "report"`)
  screen.fact('', 'They share a key with the relay, and a database with an inbox.')
  await stage.startRelay(server, db, keys)
  screen.fact('relay', `ringback run ${demoOptions.join(' ')}`)
  screen.fact('', `             ${demoReach.join(' ')}, where the receivers are`)
  screen.fact('', `             --config ${basename(keys.configFile)}, by which it signs`)
  const { signal } = stage.ending
  return { screen, signal, databaseUrl: server.url, db, receiverUrl, receiverDb, receivers, scheduler, flows }
}

async function openSchemas(stage: Stage, server: EmbeddedPostgres): Promise<pg.Pool> {
  const { screen } = stage
  const { db, applied } = await stage.migrate(server)
  const { rows } = await db.query<{ version: string }>(`select split_part(version(), ' ', 2) as version`)
  screen.fact('PostgreSQL', `${rows[0]?.version} on 127.0.0.1:${server.port}`)
  screen.fact('folder', dirname(server.dataDir))
  screen.fact('outbox', `Ringback's schema, by ringback migrate: ${applied.join(', ')}`)
  screen.fact('scheduler', `a sample scheduler's tables, with triggers that write callbacks`)
  return db
}
