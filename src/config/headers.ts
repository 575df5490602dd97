import * as v from 'valibot'
import { fileField, fileOf } from './configured-file.ts'
import { accepts, hidden, mappingOf, says, textOr, together } from './reading.ts'
import { quote } from './wording.ts'

/** Headers that Ringback writes, or that belong to the connection instead of the message (RFC 9110, 7.6.1). */
const reserved =
  /^(connection|content-length|content-type|expect|host|idempotency-key|keep-alive|proxy-authorization|proxy-connection|te|traceparent|trailer|transfer-encoding|upgrade|user-agent|webhook-.*)$/i

/** Longest value, in characters: more than receivers commonly accept as a whole head. */
const MAX_VALUE = 8_192

const aValue = `a value of 1 to ${MAX_VALUE} Latin-1 characters without control characters or spaces at its ends`

const name = v.pipe(
  v.string(),
  v.regex(/^[!#$%&'*+.^_`|~\w-]+$/, says("a header's name of letters, digits and !#$%&'*+-.^_`|~")),
  v.check(text => !reserved.test(text), says('a header that neither Ringback nor HTTP itself sets')),
)

/**
 * Header names, in lower case, and values in turn. A value is a text, or `{ file: PATH }` with a file that only its
 * owner may use. Faults never repeat a value.
 */
export function headersSchema(folder: string) {
  const written = accepts(`${aValue}, or { file: PATH }`, isValue, hidden)
  const inFile = valueFileSchema(folder, 'a text or { file: PATH }')
  return v.pipe(
    mappingOf('a mapping of names to values', name, textOr(written, inFile)),
    together((fields, complain) => {
      const names = Object.keys(fields).map(each => each.toLowerCase())
      for (const [at, key] of Object.keys(fields).entries())
        if (names.indexOf(key.toLowerCase()) < at)
          complain(key, 'expected each header once, ignoring case; got it again')
    }),
    v.transform(all => Object.freeze(Object.entries(all).flatMap(([key, value]) => [key.toLowerCase(), value]))),
  )
}

/** The value in `{ file: PATH }`. @param expected what was expected, for the faults. */
export function valueFileSchema(folder: string, expected: string) {
  const file = fileOf(folder, 'the value', 'secret', (content, refuse, path) => {
    const value = content.trim()
    if (isValue(value)) return value
    return refuse(`that ${quote(path)} holds ${aValue}`, value === '' ? 'nothing' : hidden(value))
  })
  return fileField(expected, file)
}

function isValue(text: string): boolean {
  return text.length <= MAX_VALUE && text === text.trim() && /^[\x20-\x7e\xa0-\xff]+$/.test(text)
}
