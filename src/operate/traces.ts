/**
 * Traces by OpenTelemetry: each attempt has a span `deliver`, and in it a span `POST`. The user brings the SDK; without
 * one nothing is traced.
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
import { traceContextOf } from '../trace-context.ts'
import { version } from '../version.ts'

/**
 * As `suppressTracing` of @opentelemetry/core. Otherwise the instrumentation of undici would add a second
 * `traceparent`, and a receiver ignores two of them (W3C Trace Context).
 */
const untraced = ROOT_CONTEXT.setValue(createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING'), true)

/**
 * `send` with spans around it if an SDK is registered when the relay starts; else `send` itself.
 *
 * @param options.trace `parent`: an attempt is part of its callback's trace. `link`: it begins a new trace.
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

/** Follows the semantic conventions for messaging: the table is the queue, a row is the message. */
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

/** Follows the semantic conventions for HTTP. `url.full` has no path and no query, which may hold secrets. */
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

/** Leaves out the error's text, which may quote a receiver's answer. */
function end(span: Span, { kind, httpStatus }: Outcome): void {
  if (httpStatus !== null) span.setAttribute('http.response.status_code', httpStatus)
  if (kind !== 'delivered') {
    span.setAttribute('error.type', httpStatus !== null && httpStatus > 299 ? String(httpStatus) : kind)
    span.setStatus({ code: SpanStatusCode.ERROR, message: kind })
  }
  span.end()
}

/** null: it is not valid. */
function contextOf(traceparent: string): SpanContext | null {
  const given = traceContextOf(traceparent)
  return given && { traceId: given.traceId, spanId: given.spanId, traceFlags: given.flags & 1, isRemote: true }
}

function headerOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}
