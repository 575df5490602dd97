import t from 'tap'
import { claim } from '../../src/outbox/claim.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const epoch = await stage.register('9007199254740993')

/** Ids of those that were claimed. */
async function claimed(ids: readonly string[], under = epoch): Promise<string[]> {
  return (await claim(stage.session, under, ids)).map(({ id }) => id).sort()
}

/** Those of the relay's session that PostgreSQL has not yet added to its statistics. */
async function updates(): Promise<{ readonly all: number; readonly hot: number }> {
  const text = `select n_tup_upd::int as all, n_tup_hot_upd::int as hot from pg_stat_xact_user_tables where relname = 'callback'`
  const [row] = await stage.session.rows<{ all: number; hot: number }>({ name: 'updates', text })
  return row ?? { all: 0, hot: 0 }
}

t.test('a claim raises attempts, notes time and epoch, and hands out all that a POST needs', async t => {
  const form = '{"z":9007199254740993,  "2":"b","1":[1.0,"\\u00e9"] }'
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const id = await stage.insert({
    form,
    ordering_key: 'leased',
    traceparent,
    max_attempts: 7,
    url: 'HTTPS://A.test:443/x?y',
  })
  const [got] = await claim(stage.session, epoch, [id])
  const row = await stage.row(id)
  t.match(got, { id, attempt: 1, epoch, rev: 1, orderingKey: 'leased', origin: 'https://a.test' })
  t.match(got, { url: 'HTTPS://A.test:443/x?y', traceparent, attemptOfBudget: 1, maxAttempts: 7 })
  t.match(got, { dueUs: null, expiresInMs: null })
  t.match(got?.messageId, /^[0-9a-f-]{36}$/)
  t.equal(got?.form, form, 'byte for byte')
  t.match(row, { status: 'claimed', attempts: 1, rev: '1', claimed_epoch: epoch, settled_at: null })
  t.ok(Date.now() - (row.claimed_at?.getTime() ?? 0) < 10_000)
})

t.test('the attempts of a replayed row go on, its budget starts again', async t => {
  const id = await stage.insert()
  await stage.force(id, `attempts = 5, status = 'dead', settled_at = now(), dead_at = now()`)
  await stage.query(`update outbox.callback set status = 'pending' where id = $1`, [id])
  t.match(await claim(stage.session, epoch, [id]), [{ attempt: 6, attemptOfBudget: 1, maxAttempts: null }])
})

t.test('a claim is a HOT update: no index is written', async t => {
  const ids = [await stage.insert(), await stage.insert({ ordering_key: 'hot', due_at: 'yesterday' })]
  await stage.session.run('begin')
  const before = await updates()
  t.equal((await claimed(ids)).length, 2)
  const after = await updates()
  t.same({ all: after.all - before.all, hot: after.hot - before.hot }, { all: 2, hot: 2 })
  await stage.session.run('rollback')
})

t.test('only under a registration that stands', async t => {
  const id = await stage.insert()
  t.same(await claimed([id], '1'), [], 'never registered')
  t.same(await claimed([]), [])
  t.match(await stage.row(id), { status: 'pending', attempts: 0, rev: '0' })
  t.same(await claimed([id]), [id])
})

t.test('only pending rows', async t => {
  for (const settled of ['delivered', 'cancelled', 'dead']) {
    const id = await stage.insert()
    await stage.force(
      id,
      `status = '${settled}', settled_at = now(), dead_at = ${settled === 'dead' ? 'now()' : 'null'}`,
    )
    t.same(await claimed([id]), [], settled)
  }
  const id = await stage.insert()
  t.same(await claimed([id]), [id])
  t.same(await claimed([id]), [], 'claimed')
  t.same(await claimed(['9223372036854775807']), [], 'not there at all')
})

t.test(
  'not before it is due; the claim leaves the due time to the record, and tells it to the microsecond',
  async t => {
    const later = await stage.insert({ due_at: 'tomorrow' })
    const due = await stage.insert({ due_at: '2026-01-31 08:00:00.123457+00', created_at: '2026-01-31 07:00+00' })
    const [got, ...others] = await claim(stage.session, epoch, [later, due])
    t.match(got, { id: due, dueUs: Date.parse('2026-01-31T08:00:00Z') * 1_000 + 123_457 })
    t.same(others, [])
    t.match((await stage.row(due)).due_at, new Date('2026-01-31T08:00:00.123Z'))
  },
)

t.test('a due time that was planned before the row was written counts from when it was written', async t => {
  const created = '2026-01-31 08:00:00.000001+00'
  const id = await stage.insert({ due_at: '2020-01-01', created_at: created })
  t.match(await claim(stage.session, epoch, [id]), [{ dueUs: Date.parse('2026-01-31T08:00:00Z') * 1_000 + 1 }])
})

t.test('not after it has expired; else it says for how long its attempt may start', async t => {
  const gone = await stage.insert({ expires_at: 'yesterday' })
  const fine = await stage.insert({ expires_at: new Date(Date.now() + 60_000) })
  const [got, ...others] = await claim(stage.session, epoch, [gone, fine])
  t.equal(got?.id, fine)
  t.ok(got?.expiresInMs && got.expiresInMs > 45_000 && got.expiresInMs <= 60_000, String(got?.expiresInMs))
  t.same(others, [])
})

t.test('a cancelled row is not sent, an amended one is sent as amended', async t => {
  const cancelled = await stage.insert()
  const amended = await stage.insert({ form: '{"a":1}' })
  await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [cancelled])
  await stage.query(`update outbox.callback set form = '{ "b":2}', url = 'https://new.test/' where id = $1`, [amended])
  const got = await claim(stage.session, epoch, [cancelled, amended])
  t.match(got, [{ id: amended, form: '{ "b":2}', url: 'https://new.test/', origin: 'https://new.test' }])
})
