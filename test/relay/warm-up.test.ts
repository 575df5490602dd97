import t from 'tap'
import { warmUp } from '../../src/relay/warm-up.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const { session } = stage
const sessions = { claim: session, record: session, read: session }

t.test('what callbacks wait for is prepared, and nothing is done', async t => {
  const id = await stage.insert()
  const before = await stage.row(id)
  for (const deletes of [false, true]) await warmUp(sessions, deletes)
  const prepared = await session.rows<{ name: string }>({ name: '', text: 'select name from pg_prepared_statements' })
  const names = ['claim', 'fresh', 'key_heads', 'look', 'pull', 'record', 'record_deleting']
  const found = new Set(prepared.map(({ name }) => name))
  t.same(
    names.filter(name => !found.has(`ringback_${name}`)),
    [],
  )
  t.same(await stage.row(id), before)
})

t.test('what PostgreSQL refuses is left to who sends it in earnest', async t => {
  const other = await Stage.withSession(t)
  await other.query('alter table outbox.hold rename to hidden')
  await warmUp({ claim: other.session, record: other.session, read: other.session }, false)
})
