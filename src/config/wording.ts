/** How faults name options and repeat what was typed. */
import { closestMatch } from 'leven'
import { durationText } from './duration.ts'
import type { Option } from './options.ts'

/** Short names allow for two slips, since letters changing places count as two. */
export function suggest(text: string, known: readonly string[], show: (name: string) => string): string {
  const near = closestMatch(text, known, { maxDistance: Math.max(2, Math.floor(text.length / 3)) })
  return near === undefined ? '' : `; did you mean ${show(near)}?`
}

/** What holds when an option is not given, in the words of the help. */
export function defaultText(option: Option): string {
  if ('otherwise' in option && option.otherwise !== undefined) return option.otherwise
  return option.type === 'duration' ? durationText(option.default) : String(option.default)
}

/** An option as it is typed. */
export function flagOf(option: Option): string {
  return 'argument' in option ? `<${option.name}>` : `--${option.name}`
}

/** A value as it may be repeated in a message. */
export function shown(option: Option, text: string): string {
  if (text === '') return 'nothing'
  if ('secret' in option) return 'a value that is not shown'
  return quote(text)
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
