import { maxRetryAfterMs } from '../policy/tuning.ts'

// IMF-fixdate, RFC 850 and asctime all begin with a day's name. Date.parse alone would accept far more.
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d/

// A repeated header is joined by commas. The comma behind a date's day name is none of those.
const BETWEEN = /,(?!\s*\d\d[ -][A-Za-z]{3})/

/**
 * Milliseconds to wait by a Retry-After header (RFC 9110 10.2.3); null when absent or not understood. Of several
 * values, repeated or joined by commas, the longest wait counts, up to `maxRetryAfterMs`.
 */
export function retryAfterMs(value: string | readonly string[] | undefined, nowMs: number): number | null {
  const texts = [value ?? []].flat().flatMap(text => text.split(BETWEEN))
  const waits = texts.map(text => waitMs(text.trim(), nowMs)).filter(wait => wait !== null)
  return waits.length === 0 ? null : Math.min(Math.max(...waits), maxRetryAfterMs)
}

/** The wait of one value: seconds, also with a fraction, or a date in one of the three forms. */
function waitMs(text: string, nowMs: number): number | null {
  if (/^\d+(\.\d*)?$/.test(text)) return Math.ceil(Number(text) * 1_000)
  if (!HTTP_DATE.test(text)) return null
  // An HTTP date is always GMT. asctime does not say so, and Date.parse would take it for local time.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
  return Number.isNaN(at) ? null : Math.max(at - nowMs, 0)
}
