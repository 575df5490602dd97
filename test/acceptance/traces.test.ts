import t from 'tap'
import { Stage } from '../fixtures/stage.ts'

const sdk = new URL('../fixtures/otel.mjs', import.meta.url).href

interface Span {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId?: string
}

t.test('a relay that is started with an SDK tells of each attempt, in the trace of the producer', async t => {
  const stage = await Stage.open(t)
  const relay = await stage.relay({}, { env: { NODE_OPTIONS: `--import ${sdk}` } })
  const [traceId, producer] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
  const id = await stage.send({ n: 1 }, { traceparent: `00-${traceId}-${producer}-01` })
  await stage.becomes(id, 'delivered')
  relay.kill()
  t.match(await relay.exited, { code: 0 })
  const spans = [...relay.errors().matchAll(/^span (.*)$/gm)].map(([, json = '']): Span => JSON.parse(json))
  const [request, deliver] = spans
  t.equal(spans.length, 2, 'and of nothing else')
  t.match(deliver, { name: 'deliver outbox', traceId, parentId: producer })
  t.match(request, { name: 'POST', traceId, parentId: deliver?.spanId })
  const headers = stage.receiver.arrivals[0]?.rawHeaders ?? []
  const sent = headers.flatMap((name, i) => (i % 2 === 0 && name.toLowerCase() === 'traceparent' ? headers[i + 1] : []))
  t.same(sent, [`00-${traceId}-${request?.spanId}-01`], 'the receiver gets one, that of the POST')
})
