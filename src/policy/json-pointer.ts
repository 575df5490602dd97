/** A string or a number in valid JSON. */
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g

/**
 * A JSON Pointer (RFC 6901): empty for the whole document, or a `/` before each name, with `~1` for `/` and `~0` for
 * `~`.
 */
export function isJsonPointer(text: string): boolean {
  return /^(\/([^~/]|~[01])*)*$/.test(text)
}

/**
 * Parses JSON, but keeps each number as the text written: `200.0` is not `200`, and `9007199254740993` keeps its last
 * digit.
 *
 * @throws SyntaxError for text that is not JSON.
 */
export function jsonAsWritten(text: string): unknown {
  // This refuses `01`, which is no number, but would pass as a string below.
  JSON.parse(text)
  return JSON.parse(text.replace(stringOrNumber, token => (token.startsWith('"') ? token : `"${token}"`)))
}

/** The value at the pointer; undefined: there is none. */
export function valueAt(whole: unknown, pointer: string): unknown {
  let value = whole
  for (const written of pointer.split('/').slice(1)) {
    const name = written.replaceAll('~1', '/').replaceAll('~0', '~')
    const isThere = Array.isArray(value) ? /^(0|[1-9]\d*)$/.test(name) && Number(name) < value.length : isObject(value)
    if (!isThere || !Object.hasOwn(value as object, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
