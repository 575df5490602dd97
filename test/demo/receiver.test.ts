import { createHmac, randomUUID } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { sqlFile } from '../sql/roles.ts'
import { effectTable, take } from './receiver.ts'

const { client, url } = await testDatabase(t, { migrate: false })
await client.query(await sqlFile('receiver/inbox.sql'))
await client.query(effectTable)
const pool = new pg.Pool({ connectionString: url })
t.teardown(() => pool.end())
const secret = Buffer.alloc(32, 7)
const keys = `whsec_${secret.toString('base64')}\n`

/** A POST that the owner of the key has signed, or somebody else. */
function arrive(messageId: string, form: string, key = secret) {
  const timestamp = String(Math.floor(Date.now() / 1_000))
  const signature = createHmac('sha256', key).update(`${messageId}.${timestamp}.${form}`).digest('base64')
  const headers = { 'webhook-id': messageId, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
  return take(pool, keys, { path: '/crm/flow', headers, body: Buffer.from(form) })
}

async function effects(messageId: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ form: string }>('select form from effect where message_id = $1', [messageId])
  return rows.map(({ form }) => form)
}

t.test('the first copy has the effect, the second one none, and both are answered with 200', async t => {
  const id = randomUUID()
  t.same(await arrive(id, 'flowId=1&code=4'), { found: 'handled', status: 200, reason: '' })
  t.same(await arrive(id, 'flowId=1&code=4'), { found: 'duplicate', status: 200, reason: '' })
  t.same(await effects(id), ['flowId=1&code=4'])
})

t.test('what somebody else has signed, and what is no form, is refused for good and has no effect', async t => {
  const id = randomUUID()
  t.match(await arrive(id, 'flowId=1&code=3', Buffer.alloc(32, 8)), {
    found: 'refused',
    status: 401,
    reason: /signature/,
  })
  t.match(await arrive(id, 'flowId=%'), { found: 'refused', status: 400, reason: /^body: / })
  t.same(await effects(id), [])
})

t.test('when the effect fails nothing is remembered, so the next copy has it', async t => {
  const id = randomUUID()
  await client.query('alter table effect rename to elsewhere')
  t.match(await arrive(id, 'flowId=2&code=4'), { found: 'failed', status: 500, reason: /"effect" does not exist/ })
  await client.query('alter table elsewhere rename to effect')
  t.match(await arrive(id, 'flowId=2&code=4'), { found: 'handled', status: 200 })
  t.same(await effects(id), ['flowId=2&code=4'])
})
