import t from 'tap'
import { ringback } from '../fixtures/ringback.ts'
import { Stage } from '../fixtures/stage.ts'

t.test('a relay that listens tells whether it is ready, and its metrics', async t => {
  const stage = await Stage.open(t)
  const relay = await stage.relay({ listen: '127.0.0.1:0' })
  const { address } = await relay.until('listening')
  const health = (...argv: string[]) => ringback(['health', '--listen', String(address), ...argv], {})
  t.same(await health(), { code: 0, out: 'ready: serves\n', err: '' })
  t.same(await health('--live'), { code: 0, out: 'alive\n', err: '' })
  await stage.becomes(await stage.send({ a: 1 }), 'delivered')
  const metrics = await (await fetch(`http://${address}/metrics`)).text()
  t.match(metrics, /^ringback_attempts_total\{outcome="delivered"\} 1$/m)
  t.match(metrics, /^ringback_statement_duration_seconds_count\{statement="record"\} [1-9]/m)
  t.match(metrics, /^ringback_delivery_latency_seconds_count 1$/m)
  t.match(metrics, /^ringback_listener_connected 1$/m)
  relay.kill()
  t.match(await relay.exited, { code: 0 })
  t.match(await health(), { code: 1, out: '', err: /no relay answers at http:\/\/.*ECONNREFUSED/ })
})

t.test('a relay whose address is taken does not start, and says so', async t => {
  const stage = await Stage.open(t)
  const { address } = await (await stage.relay({ listen: '127.0.0.1:0' })).until('listening')
  const second = stage.start({ listen: String(address) })
  t.match(await second.until('failed'), {
    err: { message: /^--listen: cannot listen on 127.*: another program listens there/ },
  })
  t.match(await second.exited, { code: 1 })
})

t.test('what is no address is refused, with its form', async t => {
  t.match(await ringback(['run', '--listen', '9464', '--log-format', 'pretty']), {
    code: 2,
    err: /an address and a port/,
  })
})
