import * as v from 'valibot'
import { isJsonPointer } from '../policy/json-pointer.ts'
import type { BodyRule, SuccessRule } from '../policy/success.ts'
import { wholeNumber } from './kinds.ts'
import { accepts, listOf, mapping, reads, type Schema, together } from './reading.ts'

/** Most statuses, or values, of one rule. */
const MAX_LISTED = 100
const MAX_TEXT = 1_000

const text = accepts(`a text of 1 to ${MAX_TEXT} characters`, each => each !== '' && each.length <= MAX_TEXT)
const scalar = accepts(`a text, a number, true, false or null`, each => each.length <= MAX_TEXT)
/** null in YAML means null in JSON here. */
const value: Schema<string> = v.lazy(input =>
  input === null
    ? v.pipe(
        v.null(),
        v.transform(() => 'null'),
      )
    : scalar,
)

const body = v.pipe(
  mapping('{ json: POINTER, equals: [VALUE] }, { contains: TEXT } or { not-contains: TEXT }', {
    json: v.optional(accepts('a JSON Pointer, such as /code or /data/0/state', isJsonPointer)),
    equals: v.optional(atLeastOne(listOf(value, MAX_LISTED))),
    contains: v.optional(text),
    'not-contains': v.optional(text),
  }),
  together((fields, complain) => {
    const [first, ...others] = Object.keys(fields).filter(each => /^(json|contains|not-contains)$/.test(each))
    for (const each of others) complain(each, `expected one condition; got it beside ${first}`)
    if (first === 'json' && !('equals' in fields)) complain('equals', 'expected a list of values; got nothing')
    if (first !== 'json' && 'equals' in fields) complain('equals', 'expected json beside it; got nothing')
    if (first === undefined) complain('json', 'expected json, contains or not-contains; got nothing')
  }),
  v.transform((fields): BodyRule => {
    if (fields.contains !== undefined) return { contains: fields.contains }
    if (fields['not-contains'] !== undefined) return { lacks: fields['not-contains'] }
    return { pointer: fields.json ?? '', equals: fields.equals ?? [] }
  }),
)

/** What a 2xx must be: `status`, `body` or both. */
export const successSchema = v.pipe(
  mapping('{ status: [N], body: CONDITION, mismatch: failed or rejected }', {
    status: v.optional(atLeastOne(listOf(wholeNumber({ min: 200, max: 299 }), MAX_LISTED))),
    body: v.optional(body),
    mismatch: v.optional(
      reads('failed, which is tried again, or rejected, which is not', each =>
        each === 'failed' || each === 'rejected' ? each : null,
      ),
    ),
  }),
  together((fields, complain) => {
    if (!('status' in fields || 'body' in fields)) complain('body', 'expected status, body or both; got nothing')
  }),
  v.transform(
    ({ status = [], body = null, mismatch = 'failed' }): SuccessRule =>
      Object.freeze({ statuses: status, body, mismatch }),
  ),
)

function atLeastOne<T>(list: Schema<readonly T[]>) {
  return v.pipe(list, v.minLength(1, 'expected at least one; got an empty list'))
}
