/**
 * Schemas whose messages say what was expected and what was found. Options and the configuration file are built from
 * them. A schema reports every fault of its input, not only the first.
 */
import * as v from 'valibot'
import { quote, suggest } from './wording.ts'

export type Schema<T> = v.GenericSchema<unknown, T>

/** What was expected, perhaps depending on the text found. */
export type Expected = string | ((text: string) => string)

/** How a message repeats a text. */
type Show = (text: string) => string

/** Reports what was expected instead of a text, and what was found. It returns null for `return refuse(...)`. */
export type Refuse = (expected: string, got: string) => null

/** Reports a fault of a field, or that the field is missing. `key`: the fault is in its name. */
type Complain = (field: string, fault: string, place?: 'key' | 'value') => void

/** For a text that may be a secret. */
export const hidden: Show = () => 'one that is not shown'

/** A text in place of a list or a mapping is not shown: it may be the value of a header. */
const aText: Show = () => 'a text'

/** The message of a schema. */
export function says(expected: Expected, show: Show = quote): (issue: { readonly input: unknown }) => string {
  return ({ input }) => {
    const text = isMapping(input) || Array.isArray(input) ? '' : String(input ?? '')
    const got = isMapping(input) ? 'a mapping' : Array.isArray(input) ? 'a list' : text && show(text)
    return `expected ${typeof expected === 'string' ? expected : expected(text)}; got ${got || 'nothing'}`
  }
}

/**
 * A text, parsed by `read`.
 *
 * @param read null: it does not accept the text. It may have refused the text with its own message.
 */
export function reads<const T>(expected: Expected, read: (text: string, refuse: Refuse) => T | null, show?: Show) {
  const message = says(expected, show)
  return v.pipe(
    v.string(message),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const value = read(dataset.value, (expected, got) => {
        addIssue({ message: `expected ${expected}; got ${got}` })
        return null
      })
      if (value === null && !dataset.issues) addIssue({ message })
      return value ?? NEVER
    }),
  )
}

/** A text that is kept as it is. */
export function accepts(expected: Expected, isAccepted: (text: string) => boolean, show?: Show) {
  return reads(expected, text => (isAccepted(text) ? text : null), show)
}

export function listOf<T>(item: Schema<T>, max: number) {
  return v.pipe(
    v.array(v.unknown(), says('a list', aText)),
    v.maxLength(max, ({ input }) => `expected at most ${max} of them; got ${input.length}`),
    v.array(item),
    v.transform(items => Object.freeze(items)),
  )
}

/** One schema for a text, another for a list or a mapping. */
export function textOr<T, U>(text: Schema<T>, other: Schema<U>): Schema<T | U> {
  return v.lazy(input => (typeof input === 'object' && input !== null ? other : text))
}

/** A required field of a mapping. If it is missing, the schema gets null. */
export function required<T>(schema: Schema<T>) {
  return v.optional(schema, null)
}

/** A mapping with these fields. Each other field is a fault; v.strictObject would report only the first. */
export function mapping<const E extends v.ObjectEntries>(expected: string, entries: E) {
  const known = Object.keys(entries)
  return v.pipe(
    aMapping(expected),
    v.looseObject(entries),
    together((fields, complain) => {
      for (const name of Object.keys(fields).filter(each => !known.includes(each))) {
        const near = suggest(name, known, each => each) || `; the fields are ${known.join(', ')}`
        complain(name, `unknown field${near}`, 'key')
      }
    }),
  )
}

/** A mapping of any names to values. */
export function mappingOf<T>(expected: string, name: v.GenericSchema<string>, value: Schema<T>) {
  return v.pipe(aMapping(expected), v.record(name, value))
}

function aMapping(expected: string) {
  return v.custom<Readonly<Record<string, unknown>>>(isMapping, says(expected, aText))
}

function isMapping(input: unknown): boolean {
  return typeof input === 'object' && input !== null && !Array.isArray(input)
}

/** Checks the fields of a mapping together. A field that could not be read may have another type. */
export function together<T>(look: (fields: Readonly<Record<string, unknown>>, complain: Complain) => void) {
  return v.rawCheck<T>(({ dataset, addIssue }) => {
    const input = dataset.value as Record<string, unknown>
    if (!isMapping(input)) return
    look(input, (key, message, origin = 'value') =>
      addIssue({ message, path: [{ type: 'object', origin, input, key, value: input[key] }] }),
    )
  })
}
