/** A receiver's wish is bounded: 30 days in milliseconds, so that neither a typo nor malice parks a callback for a century. */
export const MAX_RETRY_AFTER_MS = 30 * 24 * 3_600_000

// IMF-fixdate, RFC 850 and asctime all begin with a day's name; Date.parse alone would take far more for a date.
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d/

/**
 * Milliseconds to wait according to a Retry-After header (RFC 9110 10.2.3): whole seconds, or a date in one of its three
 * forms. 0 for a date that has passed; at most `MAX_RETRY_AFTER_MS`; null when absent or not understood.
 *
 * @param nowMs unix milliseconds, what a date is measured against; passed in so that tests are exact.
 */
export function retryAfterMs(value: string | undefined, nowMs: number): number | null {
  if (value === undefined) return null
  const text = value.trim()
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, MAX_RETRY_AFTER_MS)
  if (!HTTP_DATE.test(text)) return null
  // An HTTP date is GMT always; asctime does not say so, and Date.parse would take it for local time.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
  return Number.isNaN(at) ? null : Math.min(Math.max(at - nowMs, 0), MAX_RETRY_AFTER_MS)
}
