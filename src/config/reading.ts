/**
 * Schemas whose messages say what was expected and what came. The options and the configuration file are made of them. A
 * schema finds every fault of its input, not only the first.
 */
import * as v from 'valibot'
import { quote, suggest } from './wording.ts'

export type Schema<T> = v.GenericSchema<unknown, T>

/** What was expected: a sentence, or one that depends on the text that came. */
type Expected = string | ((text: string) => string)

/** How a text is repeated in a message. */
type Show = (text: string) => string

/** Says of a text what was expected instead, and what came; null for `return refuse(...)`. */
export type Refuse = (expected: string, got: string) => null

/** Says what is wrong with a field, or that it is missing; `key`: with its name. */
type Complain = (field: string, fault: string, place?: 'key' | 'value') => void

/** For a text that may be a secret. */
export const hidden: Show = () => 'one that is not shown'

/** In place of a list or a mapping a text is not shown: it may be the value of a header. */
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
 * A text, as what `read` makes of it.
 *
 * @param read null when it makes nothing of it. It may have refused the text in words of its own.
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

/** A text that is left as it is. */
export function accepts(expected: string, isAccepted: (text: string) => boolean, show?: Show) {
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

/** A text by one schema, a list or a mapping by another. */
export function textOr<T, U>(text: Schema<T>, other: Schema<U>): Schema<T | U> {
  return v.lazy(input => (typeof input === 'object' && input !== null ? other : text))
}

/** A field that a mapping must have: without it, the schema is given nothing. */
export function required<T>(schema: Schema<T>) {
  return v.optional(schema, null)
}

/** A mapping with these fields. Every other one is a fault: v.strictObject names the first of them only. */
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

/** A mapping of whatever names to values. */
export function mappingOf<T>(expected: string, name: v.GenericSchema<string>, value: Schema<T>) {
  return v.pipe(aMapping(expected), v.record(name, value))
}

function aMapping(expected: string) {
  return v.custom<Readonly<Record<string, unknown>>>(isMapping, says(expected, aText))
}

function isMapping(input: unknown): boolean {
  return typeof input === 'object' && input !== null && !Array.isArray(input)
}

/** Looks at the fields of a mapping together, each as far as it could be read: one may be of another type. */
export function together<T>(look: (fields: Readonly<Record<string, unknown>>, complain: Complain) => void) {
  return v.rawCheck<T>(({ dataset, addIssue }) => {
    const input = dataset.value as Record<string, unknown>
    if (!isMapping(input)) return
    look(input, (key, message, origin = 'value') =>
      addIssue({ message, path: [{ type: 'object', origin, input, key, value: input[key] }] }),
    )
  })
}
