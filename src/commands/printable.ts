/** Control characters but for space, and those that turn the direction of what follows. */
const unruly = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/**
 * Text that others have chosen (receivers, roles that may write to a table) in a form that stays on its line and does not
 * steer the terminal that shows it.
 */
export function printable(text: string): string {
  return text.replace(unruly, '\ufffd')
}

/** The same in quotes, with line breaks, tabs and quotes still to be told apart. */
export function quoted(text: string): string {
  return printable(JSON.stringify(text))
}
