/** How faults repeat what was typed. */
import { closestMatch } from 'leven'

/** Accepted by all commands, and answered even if there are faults. */
export const helpFlags = ['--help', '--version'] as const

/** Short names may differ in two letters, since two swapped letters count as two. */
export function suggest(text: string, known: readonly string[], show: (name: string) => string): string {
  const near = closestMatch(text, known, { maxDistance: Math.max(2, Math.floor(text.length / 3)) })
  return near === undefined ? '' : `; did you mean ${show(near)}?`
}

/**
 * A text in quotes. Control characters are escaped, so that a fault stays on its line. A possible password in a URL is
 * left out: a URL may be in the wrong place, for example if its flag was forgotten.
 */
export function quote(text: string): string {
  const safe = text.replace(/(postgres(ql)?:\/\/).*/is, '$1…').replace(/(:\/\/).*@/s, '$1…@')
  return JSON.stringify(safe.length > 80 ? `${safe.slice(0, 80)}…` : safe)
}

/** Why a file cannot be read: the system's code if there is one, such as `ENOENT`. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
