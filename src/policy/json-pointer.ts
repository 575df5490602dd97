/** Of valid JSON: strings, which stay as they are, and numbers. */
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g

/** A JSON Pointer (RFC 6901): nothing for the whole, or a `/` before each name, in which `~1` is `/` and `~0` is `~`. */
export function isJsonPointer(text: string): boolean {
  return /^(\/([^~/]|~[01])*)*$/.test(text)
}

/**
 * JSON in which a number is the text that was written: `200.0` is not `200`, and `9007199254740993` keeps its last digit.
 *
 * @throws SyntaxError for what is no JSON.
 */
export function jsonAsWritten(text: string): unknown {
  // `01` is no number, but would be a string.
  JSON.parse(text)
  return JSON.parse(text.replace(stringOrNumber, token => (token.startsWith('"') ? token : `"${token}"`)))
}

/** What stands there; undefined: nothing. */
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
