import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import t from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { Stage } from '../fixtures/stage.ts'

t.setTimeout(180_000)
const rows = 30_000
/** Memory for a tenth of the flood. */
const options = { 'memory-rows': 3_000, 'log-level': 'info', 'breaker-pause': '500ms' }

/** A port of this machine where nobody listens. */
async function deadUrl(): Promise<string> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return `http://127.0.0.1:${port}/`
}

async function flood(stage: Stage, url: string): Promise<void> {
  await stage.client.query(
    `insert into outbox.callback (url, ordering_key, form)
     select $1, 'key ' || n % 1000, json_build_object('n', n) from generate_series(1, $2::int) n`,
    [url, rows],
  )
}

t.test('a flood to a dead endpoint does not hold up others, and its rows are written at most twice', async t => {
  const stage = await Stage.open(t)
  await stage.relay(options)
  const dead = await deadUrl()
  await flood(stage, dead)
  for (let n = 0; n < 50; n += 1) {
    await stage.send({ n }, { key: 'healthy' })
    await stage.receiver.until(arrivals => arrivals.length === n + 1, 5_000)
  }
  const { rows: found } = await stage.client.query<{ waiting: number; most: string }>(
    `select count(*)::int as waiting, max(rev) as most from outbox.callback where url = $1 and attempts = 0`,
    [dead],
  )
  t.ok((found[0]?.waiting ?? 0) > rows / 2, `${found[0]?.waiting} of the flood were never sent`)
  t.ok(Number(found[0]?.most) <= 2, `a row that waits was written ${found[0]?.most} times at most`)
})

t.test(
  'a flood arrives whole, each row once and in the order of its key, though memory holds a tenth of it',
  async t => {
    const stage = await Stage.open(t)
    // A machine that stands still for two seconds is no reason to send twice.
    const patient = { deadline: '30s', 'connect-timeout': '30s', lease: '60s' }
    await stage.relay({ ...options, ...patient, concurrency: 256, 'origin-concurrency': 128 })
    await flood(stage, stage.receiver.url('/flood'))
    await eventually(async () => assert(stage.receiver.arrivals.length >= rows), { deadlineMs: 120_000 })
    await stage.drained()
    const attempts = 'select outcome, error, count(*)::int from outbox.attempt group by 1, 2'
    t.same(await stage.query(attempts), [{ outcome: 'delivered', error: null, count: rows }])
    t.equal(stage.receiver.arrivals.length, rows)
    const numbers = stage.receiver.arrivals.map(({ fields }) => Number(fields.get('n')))
    t.equal(new Set(numbers).size, rows)
    const last = new Map<number, number>()
    const inverted = numbers.filter(n => {
      const isBehind = n < (last.get(n % 1_000) ?? 0)
      last.set(n % 1_000, n)
      return isBehind
    })
    t.same(inverted, [])
  },
)
