/** How faults repeat what was typed. */
import { closestMatch } from 'leven'

/** Taken everywhere, and answered whatever else is wrong. */
export const helpFlags = ['--help', '--version'] as const

/** Short names allow for two slips, since letters changing places count as two. */
export function suggest(text: string, known: readonly string[], show: (name: string) => string): string {
  const near = closestMatch(text, known, { maxDistance: Math.max(2, Math.floor(text.length / 3)) })
  return near === undefined ? '' : `; did you mean ${show(near)}?`
}

/**
 * Control characters are escaped, so that a fault stays on its line. Of a URL in the wrong place, such as one whose flag was
 * forgotten, what may be a password is left out.
 */
export function quote(text: string): string {
  const safe = text.replace(/(postgres(ql)?:\/\/).*/is, '$1…').replace(/(:\/\/).*@/s, '$1…@')
  return JSON.stringify(safe.length > 80 ? `${safe.slice(0, 80)}…` : safe)
}

/** Why a file cannot be read: the system's code when there is one, such as `ENOENT`. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
