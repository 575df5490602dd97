/** Control characters, line separators, and those that turn the direction of what follows. */
const unruly = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/**
 * Text that others have chosen (receivers, roles that may write to a table) in a form that stays on its line and does not
 * steer the terminal that shows it.
 */
export function printable(text: string): string {
  return text.replace(unruly, '\ufffd')
}

/** JSON on one line, with all of them escaped; it still parses to what was given. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(unruly, each => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
