/**
 * Traces by OpenTelemetry: a span `deliver` for each attempt, in it a span `POST`. The SDK is the user's; without one the
 * relay sends as if this file were not there.
 */
import {
  context,
  createContextKey,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { RunConfig } from '../config/config.ts'
import type { post } from '../delivery/post.ts'
import type { Claim, Outcome } from '../model.ts'
import { version } from '../version.ts'

/**
 * A context in which nobody else traces, as `suppressTracing` of @opentelemetry/core makes it. The instrumentation of undici
 * would add a second `traceparent`, and a receiver that gets two takes none (W3C Trace Context).
 */
const untraced = ROOT_CONTEXT.setValue(createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING'), true)

/**
 * `send` with spans around it when an SDK is registered; else `send` itself. Asked once, when the relay starts.
 *
 * @param options.schema of the outbox, which is the queue's name in a trace.
 * @param options.trace `parent`: an attempt is part of the trace that its callback comes from; `link`: it begins a trace of its own,
 * with a link to that one.
 */
export function traced(send: typeof post, options: Pick<RunConfig, 'schema' | 'trace'>): typeof post {
  const provider = trace.getTracerProvider()
  if (provider instanceof ProxyTracerProvider && provider.getDelegateTracer('ringback') === undefined) return send
  const tracer = trace.getTracer('ringback', version)
  return async (claim, postOptions) => {
    const deliver = deliverSpan(tracer, claim, options)
    const request = postSpan(tracer, claim, deliver)
    const sent = { ...claim, traceparent: headerOf(request.spanContext()) }
    const outcome = await context.with(untraced, () => send(sent, postOptions))
    end(request, outcome)
    end(deliver, outcome)
    return outcome
  }
}

/** By the semantic conventions for messaging: the table is the queue, a row is the message. */
function deliverSpan(
  tracer: Tracer,
  { messageId, attempt, traceparent }: Claim,
  { schema, trace: how }: Pick<RunConfig, 'schema' | 'trace'>,
): Span {
  const producer = traceparent === null ? null : contextOf(traceparent)
  const attributes = {
    'messaging.system': 'ringback',
    'messaging.destination.name': schema,
    'messaging.operation.name': 'deliver',
    'messaging.operation.type': 'process',
    'messaging.message.id': messageId,
    'ringback.attempt': attempt,
  }
  const links = producer === null ? [] : [{ context: producer }]
  const parent = producer === null || how === 'link' ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, producer)
  return tracer.startSpan(`deliver ${schema}`, { kind: SpanKind.CONSUMER, attributes, links }, parent)
}

/** By the semantic conventions for HTTP. `url.full` has neither path nor query, which may hold secrets. */
function postSpan(tracer: Tracer, { url }: Claim, deliver: Span): Span {
  const attributes: Record<string, string | number> = { 'http.request.method': 'POST' }
  if (URL.canParse(url)) {
    const { origin, hostname, port, protocol } = new URL(url)
    attributes['url.full'] = `${origin}/`
    attributes['server.address'] = hostname
    attributes['server.port'] = Number(port || (protocol === 'https:' ? 443 : 80))
  }
  return tracer.startSpan('POST', { kind: SpanKind.CLIENT, attributes }, trace.setSpan(ROOT_CONTEXT, deliver))
}

/** The error's text is left out: it may quote what a receiver answered. */
function end(span: Span, { kind, httpStatus }: Outcome): void {
  if (httpStatus !== null) span.setAttribute('http.response.status_code', httpStatus)
  if (kind !== 'delivered') {
    span.setAttribute('error.type', httpStatus !== null && httpStatus > 299 ? String(httpStatus) : kind)
    span.setStatus({ code: SpanStatusCode.ERROR, message: kind })
  }
  span.end()
}

/** Of a `traceparent` of W3C Trace Context; null: it is none. */
function contextOf(traceparent: string): SpanContext | null {
  const [, traceId, spanId, flags] =
    traceparent.match(/^00-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})$/) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return null
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true }
}

function headerOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}
