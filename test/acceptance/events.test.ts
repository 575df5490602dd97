import t from 'tap'
import { Stage } from '../fixtures/stage.ts'

t.test('what happens to receivers is told in events: failing, well, on hold, expired', async t => {
  const stage = await Stage.open(t)
  const relay = await stage.relay({ 'breaker-failures': 0, 'retry-base': '10ms', 'retry-cap': '20ms' })
  const origin = stage.receiver.url('').replace(/\/$/, '')
  let hook = 500
  stage.receiver.answer = ({ path }) => (path === '/gone' ? 410 : hook)
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const id = await stage.send({ a: 1 }, { traceparent: `00-${trace}-b7ad6b7169203331-01`, max_attempts: 1_000 })
  t.match(await relay.until('origin_failing'), { level: 'warn', origin, tries: 10, error: /500/ })
  t.match(await relay.until('attempt'), { relay: 'relay', trace })
  hook = 200
  await stage.becomes(id, 'delivered')
  t.match(await relay.until('origin_well'), { level: 'info', origin })

  const gone = await stage.send({ a: 1 }, { path: '/gone' })
  await stage.becomes(gone, 'dead')
  t.match(await relay.until('url_held'), { level: 'warn', origin, id: gone })

  const late = await stage.send({ a: 1 }, { due_at: '2999-01-01', expires_at: new Date(Date.now() + 50) })
  t.match(await relay.until('expired'), { level: 'warn', callbacks: 1, id: late })
  relay.kill()
  t.match(await relay.exited, { code: 0 })
})

t.test('a relay that cannot start says so in its log: no schema, a wrong password', async t => {
  const stage = await Stage.open(t)
  const missing = stage.start({ schema: 'elsewhere' })
  t.match(await missing.until('failed'), { level: 'fatal', err: { code: 'RINGBACK_SCHEMA', message: /missing/ } })
  t.match(await missing.exited, { code: 3 })
  const url = new URL(stage.database.url)
  url.username = 'nobody_of_this_name'
  const refused = stage.start({}, { DATABASE_URL: url.href })
  t.match(await refused.until('failed'), { level: 'fatal', err: { message: /nobody_of_this_name/ } })
  t.match(await refused.exited, { code: 1 })
})
