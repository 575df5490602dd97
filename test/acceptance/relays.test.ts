import assert from 'node:assert/strict'
import t from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { Stage } from '../fixtures/stage.ts'

async function owners(stage: Stage): Promise<Record<string, number>> {
  const { rows } = await stage.client.query<{ owner: string | null; lanes: number }>(
    `select coalesce(owner, 'nobody') as owner, count(*)::int as lanes from outbox.lane group by 1 order by 1`,
  )
  return Object.fromEntries(rows.map(row => [row.owner, row.lanes]))
}

t.test('two relays share the lanes evenly, and neither sends what the other has', async t => {
  const stage = await Stage.open(t)
  await stage.relay({ name: 'a' })
  await stage.relay({ name: 'b' })
  await eventually(async () => assert.deepEqual(await owners(stage), { a: 32, b: 32 }))
  for (let n = 0; n < 200; n += 1) await stage.send({ n }, { key: `k${n % 20}` })
  await stage.drained()
  t.equal(stage.receiver.arrivals.length, 200)
  const { rows } = await stage.client.query(
    'select relay, count(*)::int > 0 as some from outbox.attempt group by 1 order by 1',
  )
  t.same(rows, [
    { relay: 'a', some: true },
    { relay: 'b', some: true },
  ])
})

t.test('order per key holds while lanes change hands under load', async t => {
  const stage = await Stage.open(t)
  await stage.relay({ name: 'a' })
  for (let n = 0; n < 600; n += 1) await stage.send({ n, key: n % 30 }, { key: `k${n % 30}` })
  const b = await stage.relay({ name: 'b' })
  for (let n = 600; n < 900; n += 1) await stage.send({ n, key: n % 30 }, { key: `k${n % 30}` })
  b.kill('SIGTERM')
  await stage.drained()
  const last = new Map<string, number>()
  for (const { fields } of stage.receiver.arrivals) {
    const key = fields.get('key') ?? ''
    const n = Number(fields.get('n'))
    t.ok(n > (last.get(key) ?? -1), `key ${key}: ${n} after ${last.get(key)}`)
    last.set(key, n)
  }
  t.equal(stage.receiver.arrivals.length, 900)
})

t.test('the lanes of a killed relay are taken over after its lease, and of a stopped one at once', async t => {
  const stage = await Stage.open(t)
  const a = await stage.relay({ name: 'a' })
  const b = await stage.relay({ name: 'b' })
  await eventually(async () => assert.deepEqual(await owners(stage), { a: 32, b: 32 }))
  a.kill('SIGKILL')
  const ids: string[] = []
  for (let n = 0; n < 20; n += 1) ids.push(await stage.send({ n }))
  await b.until('relay_dead')
  await stage.drained(20_000)
  const c = await stage.relay({ name: 'c' })
  await eventually(async () => assert.deepEqual(await owners(stage), { b: 32, c: 32 }))
  b.kill('SIGTERM')
  await b.exited
  await eventually(async () => assert.deepEqual(await owners(stage), { c: 64 }), { deadlineMs: 3_000 })
  c.kill('SIGTERM')
  await c.exited
  t.same(await owners(stage), { nobody: 64 })
})

t.test('a second relay of the same name takes the name with -2', async t => {
  const stage = await Stage.open(t)
  await stage.relay({ name: 'same' })
  const second = await stage.relay({ name: 'same' }, { lanes: false })
  t.match(await second.until('enrolled'), { relay: 'same-2' })
})
