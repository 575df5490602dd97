import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Stage } from '../fixtures/stage.ts'

/** The URL under which a relay has the rights of its role alone, so that they can be taken from it. */
function asRelay({ database }: Stage): { readonly DATABASE_URL: string } {
  return { DATABASE_URL: `${database.url}?options=-c%20role%3Doutbox_relay` }
}

async function connections({ client }: Stage): Promise<number> {
  const { rows } = await client.query<{ sessions: string }>(
    'select sessions from pg_stat_database where datname = current_database()',
  )
  return Number(rows[0]?.sessions)
}

t.test('the database is back when work has been done, not when it can be connected to', async t => {
  const stage = await Stage.set(t)
  const relay = await stage.relay({}, { env: asRelay(stage) })
  const before = await connections(stage)
  await stage.client.query('revoke select on outbox.callback from outbox_relay')
  t.match(await relay.until('database_refuses'), { level: 'error', err: { code: '42501' } })
  // Long enough for the pauses between its tries to have grown.
  await sleep(5_000)
  const said = relay.logs.map(({ event }) => event).filter(event => event?.startsWith('database_'))
  t.same(said, ['database_refuses'])
  t.ok((await connections(stage)) - before < 50, `${(await connections(stage)) - before} connections`)
  await stage.client.query('grant select on outbox.callback to outbox_relay')
  await relay.until('database_back')
  await stage.becomes(await stage.insert({}), 'delivered')
  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null })
})

t.test('a schema that somebody drops ends the relay, which names it', async t => {
  const stage = await Stage.set(t)
  const relay = await stage.relay()
  await stage.client.query('drop schema outbox cascade')
  t.same(await relay.exited, { code: 3, signal: null })
  t.match(relay.logs.at(-1), { level: 'fatal', event: 'failed', err: { code: 'RINGBACK_SCHEMA' } })
  t.match(relay.errors(), /is missing in this database; run: ringback migrate/)
})

t.test('a defect ends the relay with exit code 1, and it says so', async t => {
  const stage = await Stage.set(t)
  const relay = await stage.relay({ poll: '200ms' })
  // No lanes: nobody has thought of that.
  await stage.client.query('delete from outbox.lane')
  t.same(await relay.exited, { code: 1, signal: null })
  t.match(relay.logs.at(-1), { level: 'fatal', event: 'failed', err: { type: 'TypeError' } })
})
