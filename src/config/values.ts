import { durationMs, durationText } from './duration.ts'
import type { Faults, Given, Parsed, Value } from './given.ts'
import { type CommandName, type Option, type OptionKey, optionsOf } from './options.ts'
import { flagOf, quote, shown, suggest } from './wording.ts'

/** A value that cannot be read is a fault and stays out, so that no invariant is held against it. */
export function readValues(
  command: CommandName,
  given: ReadonlyMap<OptionKey, Given>,
  nowMs: number,
  faults: Faults,
): Map<OptionKey, Value> {
  const values = new Map<OptionKey, Value>()
  for (const [key, option] of optionsOf(command)) {
    const { text, from } = given.get(key) ?? { text: null, from: 'argument' }
    if (text === null && (!('argument' in option) || 'optional' in option)) {
      values.set(key, Array.isArray(option.default) ? Object.freeze([...option.default]) : option.default)
      continue
    }
    const reading = read(option, text ?? '', nowMs)
    if ('value' in reading) values.set(key, reading.value)
    else {
      const got = shown(option, reading.got ?? text ?? '')
      faults.push(`${flagOf(option)} (${from}): expected ${reading.expected}; got ${got}`)
    }
  }
  return values
}

function read(option: Option, text: string, nowMs: number): Parsed<Value> {
  switch (option.type) {
    case 'duration':
      return readDuration(text, option.min, option.max)
    case 'integer':
      return readInteger(text, option.min, option.max)
    case 'time':
      return readTime(text, nowMs)
    case 'flag':
      return text === 'true' || text === 'false' ? { value: text === 'true' } : { expected: 'true or false' }
    case 'choice':
      if (option.choices.includes(text)) return { value: text }
      return { expected: `${option.choices.join(', ')}${suggest(text, option.choices, quote)}` }
    case 'list': {
      const items = text.split(',').map(item => item.trim())
      const got = items.find(item => !option.accepts(item))
      return got === undefined ? { value: Object.freeze(items) } : { expected: option.expected, got }
    }
    case 'text':
      return option.accepts(text) ? { value: text } : { expected: option.expected }
  }
}

export function readDuration(text: string, min: number, max: number): Parsed<number> {
  const ms = durationMs(text)
  if (ms !== null && ms >= min && ms <= max) return { value: ms }
  const range = `a duration from ${durationText(min)} to ${durationText(max)} with its unit (ms, s, m or h)`
  return { expected: /^\d+$/.test(text) ? `${range}, such as ${text}s or ${text}ms, not a bare number` : range }
}

export function readInteger(text: string, min: number, max: number): Parsed<number> {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return { value }
  return { expected: `a whole number from ${min} to ${max}` }
}

/** 1970 is early enough, and keeps out of the years that PostgreSQL and JavaScript write differently. */
function readTime(text: string, nowMs: number): Parsed<string> {
  const agoMs = durationMs(text)
  const iso = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text) && isDay(text.slice(0, 10))
  const ms = agoMs === null ? (iso ? Date.parse(text) : Number.NaN) : nowMs - agoMs
  if (ms >= 0) return { value: new Date(ms).toISOString() }
  return {
    expected: 'an ISO 8601 time with its zone, such as 2026-03-01T12:00:00Z, a day, or a duration ago, such as 2h',
  }
}

/** Date.parse takes 2026-02-31 for the third of March. */
function isDay(day: string): boolean {
  const ms = Date.parse(day)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day)
}
