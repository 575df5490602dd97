import assert from 'node:assert/strict'
import t from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.open(t)

/** Settled callbacks of this age. */
async function settled(status: string, days: number, count: number): Promise<void> {
  await stage.query(
    `insert into outbox.callback (url, status, settled_at, dead_at, rev)
     select 'https://receiver.test/a', $1, now() - $2 * interval '1 day', case $1 when 'dead' then now() - $2 * interval '1 day' end, 1
       from generate_series(1, $3)`,
    [status, days, count],
  )
}

async function count(): Promise<number> {
  const [row] = await stage.query<{ count: number }>('select count(*)::integer as count from outbox.callback')
  return row?.count ?? 0
}

t.test('a relay that nothing wakes deletes what is old; when it is killed, another goes on with its run', async t => {
  await settled('delivered', 8, 30_000)
  await settled('dead', 8, 10)
  await settled('delivered', 6, 10)
  const options = { 'keep-delivered': '7d', 'keep-dead': 'never' }
  const first = await stage.relay({ name: 'first', ...options })
  await eventually(async () => assert.ok((await count()) < 30_000))
  first.kill('SIGKILL')
  await first.exited
  const second = await stage.relay({ name: 'second', ...options })
  await eventually(async () => assert.equal(await count(), 20), { deadlineMs: 60_000 })
  const runs = await eventually(async () => {
    const rows = await stage.query<{ ended: boolean; deleted: string; error: string | null }>(
      'select ended_at is not null as ended, deleted, error from outbox.janitor_run',
    )
    assert.ok(rows.every(row => row.ended))
    return rows
  })
  t.same(runs, [{ ended: true, deleted: '30000', error: null }], 'one run, by two relays')
  second.kill()
  t.same(await second.exited, { code: 0, signal: null })
})

t.test(
  'with --keep-delivered 0 what is delivered leaves nothing behind, tried again or not; the dead stay',
  async t => {
    await stage.query('truncate outbox.callback, outbox.attempt_log')
    stage.receiver.answer = ({ path, headers }) =>
      path === '/never' ? 404 : path === '/again' && headers['webhook-attempt'] === '1' ? 503 : 200
    for (let n = 0; n < 200; n += 1) await stage.send({ n }, { key: `k${n % 7}` })
    await stage.send({ n: 'again' }, { path: '/again' })
    const dead = await stage.send({ n: 'never' }, { path: '/never' })
    const relay = await stage.relay({ name: 'first', 'keep-delivered': '0' })
    await stage.drained()
    relay.kill()
    t.equal((await relay.exited).code, 0)
    t.same(await stage.query('select id, status from outbox.callback'), [{ id: dead, status: 'dead' }])
    t.equal((await stage.query('select from outbox.attempt_log')).length, 0)
    t.equal(stage.receiver.arrivals.length, 203)
  },
)
