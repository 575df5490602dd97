import assert from 'node:assert/strict'
import t from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { Stage } from '../fixtures/stage.ts'

t.test(
  'a relay killed between claim and record: its row is unknown, sent again, and its key keeps its order',
  async t => {
    const stage = await Stage.open(t)
    stage.receiver.answer = () => 'hang'
    const first = await stage.relay()
    const ids: string[] = []
    for (const n of [1, 2, 3]) ids.push(await stage.send({ n }, { key: 'k' }))
    await stage.receiver.until(arrivals => arrivals.length === 1)
    first.kill('SIGKILL')
    await first.exited
    stage.receiver.answer = () => 200
    // On the same host the old process is known to be dead: its lease need not be waited for.
    const second = await stage.relay()
    await second.until('relay_dead', () => true, 3_000)
    await stage.drained()
    t.same(
      stage.receiver.arrivals.map(({ body, headers }) => [body.toString(), headers['webhook-attempt']]),
      [
        ['n=1', '1'],
        ['n=1', '2'],
        ['n=2', '1'],
        ['n=3', '1'],
      ],
    )
    t.same(await stage.outcomes(ids[0] ?? ''), [
      [1, 'unknown'],
      [2, 'delivered'],
    ])
  },
)

t.test(
  'SIGTERM with POSTs in flight: they finish, are recorded, the registration is gone, nothing new starts',
  async t => {
    const stage = await Stage.open(t)
    const held: ((status: number) => void)[] = []
    stage.receiver.answer = () => new Promise<number>(resolve => held.push(resolve))
    const relay = await stage.relay({ deadline: '10s', lease: '15s' })
    const inFlight = await stage.send({ n: 1 }, { key: 'k' })
    const waiting = await stage.send({ n: 2 }, { key: 'k' })
    await stage.receiver.until(arrivals => arrivals.length === 1)
    relay.kill('SIGTERM')
    await relay.until('stopping')
    for (const answer of held) answer(200)
    t.same(await relay.exited, { code: 0, signal: null })
    t.equal((await stage.row(inFlight)).status, 'delivered')
    t.match(await stage.row(waiting), { status: 'pending', attempts: 0 })
    t.same((await stage.client.query('select name from outbox.relay')).rows, [])
    t.same((await stage.client.query('select epoch from outbox.pulse')).rows, [])
  },
)

t.test('what the grace does not suffice for is aborted and recorded as unknown', async t => {
  const stage = await Stage.open(t)
  stage.receiver.answer = () => 'hang'
  const relay = await stage.relay({ grace: '200ms', deadline: '10s', lease: '15s' })
  const id = await stage.send({})
  await stage.receiver.until(arrivals => arrivals.length === 1)
  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null })
  t.same(await stage.outcomes(id), [[1, 'unknown']])
  t.match(await stage.row(id), { status: 'pending', attempts: 1 })
})

t.test('a stopped relay whose lease has run out starts nothing when it comes back', async t => {
  const stage = await Stage.open(t)
  stage.receiver.answer = () => 'hang'
  const first = await stage.relay({ name: 'first' })
  const id = await stage.send({ n: 1 })
  await stage.receiver.until(arrivals => arrivals.length === 1)
  first.kill('SIGSTOP')
  stage.receiver.answer = () => 200
  const second = await stage.relay({ name: 'second' })
  await second.until('relay_dead', () => true, 30_000)
  await stage.becomes(id, 'delivered')
  first.kill('SIGCONT')
  await first.until('registration_lost')
  await stage.becomes(await stage.send({ n: 2 }), 'delivered')
  // What the heir had to assume stays, beside what the first has seen itself.
  await eventually(async () =>
    assert.deepEqual(await stage.outcomes(id), [
      [1, 'unknown'],
      [1, 'unknown'],
      [2, 'delivered'],
    ]),
  )
  t.equal(stage.receiver.arrivals.filter(({ body }) => body.toString() === 'n=1').length, 2)
})
