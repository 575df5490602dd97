import assert from 'node:assert/strict'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { Stage } from '../fixtures/stage.ts'

interface Hold {
  readonly url_prefix: string
  readonly reason: string
  readonly held_by: string
}

t.test('after a 410 the rows of that URL wait, those of others go on, and a release sends them in order', async t => {
  const stage = await Stage.open(t)
  stage.receiver.answer = ({ path }) => (path === '/gone' ? 410 : 200)
  await stage.relay()
  const told = await stage.send({ n: 0 }, { path: '/gone', key: 'a' })
  const row = await stage.becomes(told, 'dead')
  t.match(row, { last_http_status: 410, last_error: 'rejected: HTTP 410 Gone' })
  const { rows: holds } = await stage.client.query<Hold>('select url_prefix, reason, held_by from outbox.hold')
  t.same(holds, [{ url_prefix: stage.receiver.url('/gone'), reason: `410 Gone, callback ${told}`, held_by: 'relay' }])

  const waiting: string[] = []
  for (const n of [1, 2, 3, 4]) waiting.push(await stage.send({ n }, { path: '/gone', key: 'a' }))
  const loose = await stage.send({ n: 9 }, { path: '/gone' })
  await stage.becomes(await stage.send({ n: 10 }, { path: '/here' }), 'delivered')
  await stage.becomes(await stage.send({ n: 11 }, { path: '/here' }), 'delivered')
  t.equal(arrived(stage, '/gone').length, 1, 'nothing more was sent there')
  for (const id of [...waiting, loose]) t.match(await stage.row(id), { status: 'pending', attempts: 0 })

  stage.receiver.answer = () => 200
  await stage.client.query('delete from outbox.hold where url_prefix = $1', [stage.receiver.url('/gone')])
  for (const id of [...waiting, loose]) await stage.becomes(id, 'delivered')
  t.same(
    arrived(stage, '/gone').filter(n => n !== '9'),
    ['0', '1', '2', '3', '4'],
  )
  await stage.client.query(`update outbox.callback set status = 'pending' where id = $1`, [told])
  await stage.becomes(told, 'delivered')
})

t.test('rows that memory holds already are stopped too, and none of them is dropped', async t => {
  const stage = await Stage.open(t)
  let answered = 0
  stage.receiver.answer = () => (++answered === 1 ? 410 : 200)
  await stage.relay({ 'origin-concurrency': 1 })
  const ids = await insertMany(stage, 50)
  await eventually(async () => {
    const { rows } = await stage.client.query('select from outbox.hold')
    assert.equal(rows.length, 1)
  })
  // What was claimed before the 410 was on record is sent; all others wait, or are sent once they are let go.
  await stage.client.query('delete from outbox.hold')
  await stage.drained()
  const { rows } = await stage.client.query<{ status: string; count: number }>(
    'select status, count(*)::int from outbox.callback group by status order by status',
  )
  t.same(rows, [
    { status: 'dead', count: 1 },
    { status: 'delivered', count: ids - 1 },
  ])
})

t.test(
  'where an origin is set to unknown: hold, what may have arrived is dead until an operator replays it',
  async t => {
    const stage = await Stage.open(t)
    const rule = { match: new URL(stage.receiver.url('/')).origin, unknown: 'hold', retry: [404] }
    const folder = t.testdir({ 'ringback.json': JSON.stringify({ origins: [rule] }) })
    const answers = [404, 'hang', 200] as const
    let arrivals = 0
    stage.receiver.answer = () => answers[Math.min(arrivals++, 2)] ?? 200
    let relay = await stage.relay({ config: join(folder, 'ringback.json') })
    const id = await stage.send({ n: 1 }, { key: 'a' })
    const next = await stage.send({ n: 2 }, { key: 'a' })
    t.match(await stage.becomes(id, 'dead'), {
      attempts: 2,
      last_error: /^unknown: no answer within 2000 ms; not sent/,
    })
    await stage.becomes(next, 'delivered')
    await stage.client.query(`update outbox.callback set status = 'pending' where id = $1`, [id])
    await stage.becomes(id, 'delivered')
    t.same(await stage.outcomes(id), [
      [1, 'failed'],
      [2, 'unknown'],
      [3, 'delivered'],
    ])

    stage.receiver.answer = () => 'hang'
    const cut = await stage.send({ n: 3 })
    await stage.receiver.until(() => arrived(stage, '/hook').includes('3'))
    relay.kill('SIGKILL')
    await relay.exited
    relay = await stage.relay({ config: join(folder, 'ringback.json') })
    t.match(await stage.becomes(cut, 'dead'), { attempts: 1, last_error: /^unknown: the relay that sent it died/ })
  },
)

/** Values of the field `n` that arrived at this path, in order. */
function arrived(stage: Stage, path: string): (string | null)[] {
  return stage.receiver.arrivals.filter(each => each.path === path).map(({ fields }) => fields.get('n'))
}

async function insertMany(stage: Stage, count: number): Promise<number> {
  await stage.client.query(
    `insert into outbox.callback (url, form) select $1, json_build_object('n', n) from generate_series(1, $2::int) n`,
    [stage.receiver.url('/gone'), count],
  )
  return count
}
