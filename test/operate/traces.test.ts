import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import t from 'tap'
import { ConnectionPool } from '../../src/delivery/connection-pool.ts'
import { type PostOptions, post } from '../../src/delivery/post.ts'
import { traced } from '../../src/operate/traces.ts'
import { claimOf, rawServer } from '../delivery/stage.ts'

const exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })

const settings = { deadlineMs: 20_000, body: 'form', headers: [], retry: [], success: null, signingKeys: [] } as const
// One connection, so that later callbacks wait for it and go out when it comes free.
const origins = new ConnectionPool({ connectionsOf: () => 1 })
t.teardown(() => origins.close())
const options: PostOptions = { pool: origins, settingsOf: () => settings, mayStart: () => true, version: '0.0.0-test' }

function traceparentsOf(request: string | undefined): string[] {
  return [...(request ?? '').matchAll(/^traceparent: (.+)\r$/gm)].map(([, value]) => value ?? '')
}

t.test('without an SDK the relay sends as if there were no traces', async t => {
  t.equal(traced(post, { schema: 'outbox', trace: 'parent' }), post)
})

t.test('with an SDK', async t => {
  provider.register()
  const instrumentation = new UndiciInstrumentation()
  instrumentation.setTracerProvider(provider)
  t.teardown(async () => {
    instrumentation.disable()
    await provider.shutdown()
  })
  const send = traced(post, { schema: 'outbox', trace: 'parent' })
  t.beforeEach(() => exporter.reset())

  t.test('producer, deliver, POST and receiver are one trace', async t => {
    const server = await rawServer(t, async line => {
      await line.request()
      line.answer('200 OK')
    })
    const tracer = trace.getTracer('test')
    const producer = tracer.startSpan('insert', { kind: SpanKind.PRODUCER }, ROOT_CONTEXT)
    const { traceId, spanId } = producer.spanContext()
    producer.end()
    const claim = claimOf(`${server.url}?token=secret`, { traceparent: `00-${traceId}-${spanId}-01`, attempt: 3 })
    t.equal((await send(claim, options)).kind, 'delivered')
    const [, request, deliver] = exporter.getFinishedSpans()
    t.match(deliver, { name: 'deliver outbox', kind: SpanKind.CONSUMER, parentSpanContext: { traceId, spanId } })
    t.match(deliver?.links, [{ context: { traceId, spanId } }])
    t.match(deliver?.attributes, {
      'messaging.operation.type': 'process',
      'messaging.message.id': claim.messageId,
      'ringback.attempt': 3,
    })
    t.match(request, { name: 'POST', kind: SpanKind.CLIENT, parentSpanContext: deliver?.spanContext() })
    t.match(request?.attributes, { 'http.request.method': 'POST', 'http.response.status_code': 200 })
    t.equal(request?.attributes['url.full'], `${new URL(server.url).origin}/`)
    t.same(traceparentsOf(server.requests[0]), [`00-${traceId}-${request?.spanContext().spanId}-01`])
  })

  t.test('with --trace link an attempt begins a trace of its own, with a link to the one of the producer', async t => {
    const server = await rawServer(t, async line => {
      await line.request()
      line.answer('200 OK')
    })
    const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
    const claim = claimOf(server.url, { traceparent: `00-${traceId}-${spanId}-01` })
    await traced(post, { schema: 'outbox', trace: 'link' })(claim, options)
    const [request, deliver] = exporter.getFinishedSpans()
    t.equal(deliver?.parentSpanContext, undefined)
    t.not(deliver?.spanContext().traceId, traceId)
    t.match(deliver?.links, [{ context: { traceId, spanId } }])
    t.equal(request?.parentSpanContext?.spanId, deliver?.spanContext().spanId)
  })

  t.test('one traceparent is on the wire with the instrumentation of undici', async t => {
    const server = await rawServer(t, async line => {
      for (let i = 0; i < 3; i++) {
        await line.request()
        line.answer('200 OK')
      }
    })
    await Promise.all([1, 2, 3].map(() => send(claimOf(server.url), options)))
    t.same(
      server.requests.map(request => traceparentsOf(request).length),
      [1, 1, 1],
    )
    t.same(
      exporter.getFinishedSpans().map(({ name }) => name),
      ['POST', 'deliver outbox', 'POST', 'deliver outbox', 'POST', 'deliver outbox'],
    )
    const control = await rawServer(t, async line => {
      await line.request()
      line.answer('200 OK')
    })
    await post(
      claimOf(control.url, { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }),
      options,
    )
    t.equal(traceparentsOf(control.requests[0]).length, 2, 'which adds one where it is not held off')
  })

  t.test('what is no W3C traceparent begins a trace; a failure is an error of both spans', async t => {
    const server = await rawServer(t, async line => {
      await line.request()
      line.answer('503 Service Unavailable')
    })
    t.equal((await send(claimOf(server.url, { traceparent: 'b3-of-old' }), options)).kind, 'failed')
    const [request, deliver] = exporter.getFinishedSpans()
    t.equal(deliver?.parentSpanContext, undefined)
    for (const span of [request, deliver]) {
      t.equal(span?.attributes['error.type'], '503')
      t.equal(span?.status.code, SpanStatusCode.ERROR)
    }
    t.equal(traceparentsOf(server.requests[0]).length, 1)
  })
})
