import t from 'tap'
import { Stage } from '../fixtures/stage.ts'

/** Back-off of minutes, and a breaker that opens early. */
const outage = { 'retry-base': '10m', 'retry-cap': '10m', 'breaker-failures': 3 }

t.test(
  'once a receiver is well again, what failed meanwhile goes at once, though all of it waits in back-off',
  async t => {
    const stage = await Stage.open(t)
    await stage.relay({ ...outage, 'breaker-pause': '300ms' })
    stage.receiver.answer = () => 500
    for (let n = 0; n < 3; n += 1) await stage.send({ n }, { key: `key ${n}`, path: `/${n}` })
    await stage.receiver.until(arrivals => arrivals.length >= 4)
    stage.receiver.answer = () => 200
    await stage.drained(8_000)
  },
)

t.test('a retry by SQL ends the pause of the breaker: one probe goes at once, and the others follow', async t => {
  const stage = await Stage.open(t)
  await stage.relay({ ...outage, 'breaker-pause': '5m' })
  stage.receiver.answer = () => 500
  const ids: string[] = []
  for (let n = 0; n < 3; n += 1) ids.push(await stage.send({ n }, { path: `/${n}` }))
  await stage.receiver.until(arrivals => arrivals.length === 3)
  const fresh = await stage.send({ n: 3 }, { path: '/3' })
  // The rest is older than a second.
  const [waiting] = await stage.query<{ n: number }>(
    `select count(*)::integer as n, pg_sleep(1.2)::text from outbox.callback where id = any ($1::bigint[])`,
    [[...ids, fresh]],
  )
  t.equal(waiting?.n, 4)
  t.equal(stage.receiver.arrivals.length, 3, 'it rests')
  stage.receiver.answer = () => 200
  await stage.query('update outbox.callback set due_at = now() where id = $1', [ids[0]])
  await stage.drained(8_000)
})

t.test('a relay that is started during an outage probes the receiver, and what waits goes when it is well', async t => {
  const stage = await Stage.open(t)
  stage.receiver.answer = () => 500
  const first = await stage.relay({ ...outage, 'breaker-pause': '300ms' })
  await stage.send({ n: 0 }, { path: '/0' })
  await stage.receiver.until(arrivals => arrivals.length === 1)
  first.kill('SIGKILL')
  await first.exited
  await stage.query(
    `insert into outbox.callback (url, form) select $1 || n % 100, '{}' from generate_series(1, 4000) n`,
    [stage.receiver.url('/')],
  )
  await stage.query(
    `update outbox.callback set attempts = attempts + 1, claimed_epoch = 1, claimed_at = now(), due_at = now() + interval '9 min', rev = rev + 1 where status = 'pending'`,
  )
  await stage.relay({ ...outage, 'breaker-pause': '300ms' })
  const before = stage.receiver.arrivals.length
  await stage.receiver.until(arrivals => arrivals.length > before + 2)
  t.ok(stage.receiver.arrivals.length < before + 10, 'one at a time, though thousands wait')
  stage.receiver.answer = () => 200
  await stage.drained(30_000)
})
