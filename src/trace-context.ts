/** The header `traceparent` of W3C Trace Context. */

export interface TraceContext {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
}

const format = /^(?!ff)([\da-f]{2})-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(-.*)?$/

/** null: not valid, so whoever gets it has to ignore it. A version above 00 may go on after the flags. */
export function traceContextOf(traceparent: string): TraceContext | null {
  const [, version, traceId, spanId, flags, more] = format.exec(traceparent) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return null
  if (version === '00' && more !== undefined) return null
  return { traceId, spanId, flags: Number.parseInt(flags, 16) }
}
