/** Characters that steer a terminal: controls (C0 and C1), line separators, marks that turn the direction of what follows. */
const steering = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** As `steering`, without the C0 controls: JSON escapes those itself, and a pretty line is coloured with them. */
const steeringBeyondC0 = /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/**
 * Text that others have chosen (receivers, roles that may write to a table) in a form that stays on its line and does not
 * steer the terminal that shows it: such a character is written as its escape, `\u202e`.
 */
export function printable(text: string): string {
  return text.replace(steering, escaped)
}

/** The same for text of several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/** JSON on one line, with all such characters escaped; it still parses to what was given. */
export function printableJson(value: unknown): string {
  return printable(JSON.stringify(value))
}

/** The same for a line that is JSON already, or was made from JSON: a line of the log. */
export function printableLogLine(line: string): string {
  return line.replace(steeringBeyondC0, escaped)
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
