import { maxRetryAfterMs } from '../policy/tuning.ts'

// IMF-fixdate, RFC 850 and asctime all begin with a day's name; Date.parse alone would take far more for a date.
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d/

// Where a repeated header was joined: at a comma, unless it stands behind the day's name of a date.
const BETWEEN = /,(?!\s*\d\d[ -][A-Za-z]{3})/

/**
 * Milliseconds to wait according to a Retry-After header (RFC 9110 10.2.3): seconds, or a date in one of its three forms.
 * 0 for a date that has passed; at most `maxRetryAfterMs`; null when absent or not understood. Fractions of a second are
 * read as well, and of a header that came more than once, by itself or joined by commas, the longest wait counts: servers and
 * the proxies before them do both.
 *
 * @param nowMs unix milliseconds, what a date is measured against; passed in so that tests are exact.
 */
export function retryAfterMs(value: string | readonly string[] | undefined, nowMs: number): number | null {
  const texts = [value ?? []].flat().flatMap(text => text.split(BETWEEN))
  const waits = texts.map(text => waitMs(text.trim(), nowMs)).filter(wait => wait !== null)
  return waits.length === 0 ? null : Math.min(Math.max(...waits), maxRetryAfterMs)
}

/** Not bounded above. */
function waitMs(text: string, nowMs: number): number | null {
  if (/^\d+(\.\d*)?$/.test(text)) return Math.ceil(Number(text) * 1_000)
  if (!HTTP_DATE.test(text)) return null
  // An HTTP date is GMT always; asctime does not say so, and Date.parse would take it for local time.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
  return Number.isNaN(at) ? null : Math.max(at - nowMs, 0)
}
