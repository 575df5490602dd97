import { randomUUID } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { type InboxOptions, receive } from '../../src/receiver/receiver.ts'
import { testDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'
import { sqlFile } from '../sql/roles.ts'

const { client, connect, url } = await testDatabase(t, { migrate: false })
const other = await connect()
const inbox = await sqlFile('receiver/inbox.sql')
await client.query(inbox)
await client.query('create table effect (message_id text)')

const AT = 1_614_265_330

/** The effect that the tests count. */
function book(messageId: string) {
  return (on: pg.Client) => on.query('insert into effect values ($1)', [messageId])
}

/** A copy of a callback arrives, sent so many seconds after the others. */
function copy(
  messageId: string,
  { after = 0, on = client, ...options }: { after?: number; on?: pg.Client } & InboxOptions = {},
) {
  return receive(on, { messageId, sentAt: AT + after }, book(messageId), options)
}

async function effects(messageId: string): Promise<number> {
  return (await client.query('select from effect where message_id = $1', [messageId])).rowCount ?? 0
}

/** Resolves when a session waits for a lock. Asks on a session of its own, since the others are busy. */
async function somebodyWaits(): Promise<void> {
  const third = await connect()
  await eventually(async () => {
    const { rowCount } = await third.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    if (rowCount === 0) throw new Error('nobody waits')
  })
}

t.test('inbox.sql runs, and runs again without losing anything', async t => {
  await copy('kept', { key: 'kept' })
  await client.query(inbox)
  t.equal(await copy('kept'), 'duplicate')
})

t.test('the first copy has the effect, every other one none', async t => {
  const id = randomUUID()
  t.same([await copy(id), await copy(id), await copy(id, { after: 100 })], ['handled', 'duplicate', 'duplicate'])
  t.equal(await effects(id), 1)
})

t.test('a copy that comes while the first is being worked on waits for it, and is a duplicate', async t => {
  const id = randomUUID()
  let second: Promise<string> | undefined
  const first = await receive(client, { messageId: id, sentAt: AT }, async on => {
    await book(id)(on)
    second = copy(id, { on: other })
    await somebodyWaits()
  })
  t.same([first, await second], ['handled', 'duplicate'])
  t.equal(await effects(id), 1)
})

t.test('when the first one fails, the copy that waited has the effect', async t => {
  const id = randomUUID()
  let second: Promise<string> | undefined
  const failing = receive(other, { messageId: id, sentAt: AT }, async on => {
    await book(id)(on)
    second = copy(id)
    await somebodyWaits()
    throw new Error('no disk')
  })
  await t.rejects(failing, { message: 'no disk' })
  t.equal(await second, 'handled')
  t.equal(await effects(id), 1)
})

t.test('many copies at once have one effect', async t => {
  const pool = new pg.Pool({ connectionString: url, max: 8 })
  const ids = Array.from({ length: 10 }, () => randomUUID())
  const outcomes = await Promise.all(
    Array.from({ length: 80 }, async (_, at) => {
      const on = await pool.connect()
      const id = ids[at % ids.length] ?? ''
      try {
        return await receive(on, { messageId: id, sentAt: AT }, client =>
          client.query('insert into effect values ($1)', [id]),
        )
      } finally {
        on.release()
      }
    }),
  )
  await pool.end()
  t.equal(outcomes.filter(outcome => outcome === 'handled').length, 10)
  t.equal(outcomes.filter(outcome => outcome === 'duplicate').length, 70)
  for (const id of ids) t.equal(await effects(id), 1)
})

t.test(
  'an effect that throws leaves nothing, neither itself nor the memory of it; the next copy is handled',
  async t => {
    const id = randomUUID()
    const failing = () =>
      receive(
        client,
        { messageId: id, sentAt: AT },
        async on => {
          await book(id)(on)
          throw new Error('no disk')
        },
        { key: 'failing' },
      )
    await t.rejects(failing(), { message: 'no disk' })
    t.equal((await client.query('select from ringback.inbox where message_id = $1', [id])).rowCount, 0)
    t.equal((await client.query(`select from ringback.inbox_key where key = 'failing'`)).rowCount, 0)
    t.equal(await effects(id), 0)
    t.equal(await copy(id), 'handled')
    t.equal(await effects(id), 1)
  },
)

t.test('an effect that swallows the error of a statement is not taken for one that worked', async t => {
  const id = randomUUID()
  const swallowing = receive(client, { messageId: id, sentAt: AT }, async on => {
    await on.query('select 1 / 0').catch(() => {})
  })
  await t.rejects(swallowing, { message: /a statement of the effect has failed/ })
  t.equal(await copy(id), 'handled')
})

t.test('a session that is ended in the effect remembers nothing, and says why it failed', async t => {
  const id = randomUUID()
  const doomed = await connect()
  const failing = receive(doomed, { messageId: id, sentAt: AT }, async on => {
    await book(id)(on)
    await on.query('select pg_terminate_backend(pg_backend_pid())')
  })
  await t.rejects(failing, { code: '57P01' })
  t.equal(await copy(id), 'handled')
  t.equal(await effects(id), 1)
})

t.test('with a key, what was sent well before the newest is stale; a replay of it is not', async t => {
  const [row1, row2] = [randomUUID(), randomUUID()]
  const key = 'execution 31'
  t.equal(await copy(row2, { key, after: 20 }), 'handled')
  t.equal(await copy(row1, { key, after: 14 }), 'stale')
  t.equal(await copy(row1, { key, after: 14 }), 'stale', 'again, for it is not remembered')
  t.equal(await effects(row1), 0)
  t.equal(await copy(row1, { key: 'execution 32', after: 14 }), 'handled', 'other keys have seen other things')
  t.equal(await copy(row2, { key, after: 40 }), 'duplicate')
  const row3 = randomUUID()
  t.equal(await copy(row3, { key, after: 14 }), 'stale')
  t.equal(await copy(row3, { key, after: 60 }), 'handled', 'a replay, with its own timestamp')
})

t.test(
  'clocks may differ by skewSeconds: what is no older than that is not stale, and does not turn the key back',
  async t => {
    const key = 'execution 33'
    const at = async (after: number, skewSeconds?: number) =>
      copy(randomUUID(), { key, after, ...(skewSeconds === undefined ? {} : { skewSeconds }) })
    t.same([await at(20), await at(20), await at(15), await at(14)], ['handled', 'handled', 'handled', 'stale'])
    t.same([await at(10, 10), await at(9, 10), await at(19, 0)], ['handled', 'stale', 'stale'])
  },
)

t.test('callbacks of one key have their effects one at a time', async t => {
  const key = 'execution 34'
  const [row1, row2] = [randomUUID(), randomUUID()]
  let second: Promise<string> | undefined
  const first = await receive(
    other,
    { messageId: row2, sentAt: AT + 20 },
    async on => {
      second = copy(row1, { key })
      await somebodyWaits()
      await book(row2)(on)
    },
    { key },
  )
  t.same([first, await second], ['handled', 'stale'])
})

t.test('a pool in the place of a connection is a TypeError: its statements would not be one transaction', async t => {
  const pool = new pg.Pool({ connectionString: url })
  await t.rejects(
    receive(pool as unknown as pg.Client, { messageId: 'a', sentAt: AT }, () => {}),
    { name: 'TypeError' },
  )
  await pool.end()
})

t.test('a time or a skew that is no finite number is a TypeError, and nothing is remembered', async t => {
  for (const none of [NaN, Infinity, -Infinity, '5', null] as number[]) {
    const id = randomUUID()
    const wrong = (sentAt: number, skewSeconds: number) =>
      t.rejects(
        receive(other, { messageId: id, sentAt }, () => t.fail('it had its effect'), {
          key: 'execution 35',
          skewSeconds,
        }),
        { name: 'TypeError', message: /: expected a finite number/ },
      )
    await wrong(AT, none)
    await wrong(none, 5)
    t.equal(await copy(id, { key: 'execution 35' }), 'handled')
  }
})

t.test('the statements in the comment of inbox.sql do the same, in any language', async t => {
  const at = (after: number) => String(AT + after)
  const statements = [...inbox.matchAll(/^-- {3}((?:INSERT|DELETE)(?:.|\n)*?);$/gm)].map(([, text = '']) =>
    text.replace(/^--/gm, ''),
  )
  t.equal(statements.length, 4)
  const run = async (text = '', id = '', key = '', timestamp = at(0)) => {
    const literals = { ':webhook_id': `'${id}'`, ':webhook_timestamp': timestamp, ':key': `'${key}'` }
    const filled = Object.entries(literals).reduce((sql, [name, value]) => sql.replaceAll(name, value), text)
    return (await client.query(filled)).rowCount
  }
  const [remember, seen, forget, forgetKeys] = statements
  t.same([await run(remember, 'sql 1'), await run(remember, 'sql 1')], [1, 0])
  t.equal(await copy('sql 1'), 'duplicate')
  const seenAt = (after: number) => run(seen, '', 'sql', at(after))
  t.same([await seenAt(20), await seenAt(15), await seenAt(14)], [1, 1, 0])
  for (const type of ['text', 'varchar', 'bigint', 'numeric', 'double precision']) {
    const bound = `'${at(20)}'::${type}`
    t.equal(await run(remember, `sql ${type}`, '', bound), 1, `a driver may bind the timestamp as ${type}`)
    t.equal(await run(seen, '', 'sql', bound), 1, type)
  }
  t.equal(await copy('sql 2', { key: 'sql', after: 14 }), 'stale')
  await client.query(`update ringback.inbox set received_at = now() - interval '121 days' where message_id = 'sql 1'`)
  t.equal(await run(forget), 1)
  t.equal(await copy('sql 1'), 'handled')
  t.ok((await run(forgetKeys)) ?? 0)
  t.equal((await client.query('select from ringback.inbox_key')).rowCount, 0)
})
