/** Characters that control a terminal: C0 and C1 controls, line separators, marks that change the direction of text. */
const steering = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** `steering` without the C0 controls: JSON escapes those itself, and they colour a pretty line. */
const steeringBeyondC0 = /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/**
 * Makes text from others (receivers, roles that may write to a table) safe to print: it stays on its line and does not
 * control the terminal. Each such character is written as its escape, `\u202e`.
 */
export function printable(text: string): string {
  return text.replace(steering, escaped)
}

/** The same for text of several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/** JSON on one line with all such characters escaped. It still parses to the same value. */
export function printableJson(value: unknown): string {
  return printable(JSON.stringify(value))
}

/** The same for a line that is already JSON or was made from it: a log line. */
export function printableLogLine(line: string): string {
  return line.replace(steeringBeyondC0, escaped)
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
