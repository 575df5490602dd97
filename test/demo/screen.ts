import type { WriteStream } from 'node:tty'
import { printable } from '../../src/printable.ts'
import { type Arrival, isAccepted } from './receiver.ts'

/** What the numbers stand for, by the last part of the path; see the functions for the scheduler in sql/schema.sql. */
const meanings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  flow: { 2: 'success', 3: 'error', 4: 'running', 5: 'killed', 7: 'auto_killed' },
  job: { 2: 'running', 3: 'success', 4: 'error' },
  plan: { 1: 'paused', 2: 'resumed' },
}

/** What the demo shows: numbered steps, sentences, and one line for each POST that arrived. Fits 80 columns. */
export class Screen {
  readonly #out: WriteStream
  readonly #width: number
  readonly #hasColors: boolean
  #steps = 0

  /** @param out coloured when it is a terminal that can, unless NO_COLOR is set. */
  constructor(out: WriteStream) {
    this.#out = out
    this.#width = out.isTTY ? Math.min(100, Math.max(60, out.columns ?? 80)) : 80
    this.#hasColors = out.isTTY && out.hasColors()
  }

  title(text: string): void {
    this.line(this.#bold(text))
  }

  /** A numbered heading, after an empty line. */
  step(text: string): void {
    this.#steps += 1
    this.line()
    const lines = wrap(text, Math.min(80, this.#width) - 3)
    for (const [i, line] of lines.entries()) this.line(this.#bold(`${i === 0 ? `${this.#steps}.` : '  '} ${line}`))
  }

  /** A sentence below a heading. */
  say(text: string): void {
    for (const line of wrap(text, Math.min(80, this.#width) - 3)) this.line(`   ${line}`)
  }

  /** Something with a name, and a remark behind it. */
  fact(name: string, value: string): void {
    this.line(`   ${name.padEnd(11)}${value}`)
  }

  /** Where to look next. */
  pointer(place: string, what: string): void {
    this.line(`   ${this.#paint(36, place.padEnd(24))}${what}`)
  }

  /** Something is wrong. */
  warn(text: string): void {
    for (const line of text.split('\n').flatMap(each => wrap(each, Math.min(80, this.#width) - 3)))
      this.line(`   ${this.#paint(31, line)}`)
  }

  /** A command or statement that is run right now. */
  command(lines: readonly string[]): void {
    for (const line of lines) this.line(`   ${this.#paint(36, line)}`)
  }

  /** What a command has printed; what does not fit is cut off. */
  output(text: string): void {
    for (const line of text.trimEnd().split('\n')) this.line(`   ${cut(printable(line), this.#width - 3)}`)
  }

  arrival(arrival: Arrival): void {
    const room = this.#width - 36
    const [form = '', ...more] = wrap(printable(formText(arrival)), room)
    const color = isAccepted(arrival) ? 32 : 33
    const answer = this.#paint(color, `#${arrival.attempt} ${arrival.answer ?? '---'}`)
    this.#timed(arrival.atMs, `${printable(arrival.path).padEnd(9)}  ${form.padEnd(room)}  ${answer}`)
    const remark = remarkText(arrival)
    const below = remark === '' ? [] : wrap(printable(remark), room).map(line => this.#paint(color, line))
    for (const line of [...more, ...below]) this.line(`${' '.repeat(27)}${line}`)
  }

  /** Something that happened between the arrivals. */
  event(text: string): void {
    this.#timed(Date.now(), this.#paint(35, cut(text, this.#width - 16)))
  }

  line(text = ''): void {
    this.#out.write(`${text}\n`)
  }

  /** Local time to the millisecond. */
  #timed(atMs: number, text: string): void {
    const local = new Date(atMs - new Date(atMs).getTimezoneOffset() * 60_000)
    this.line(`  ${this.#paint(90, local.toISOString().slice(11, 23))}  ${text}`)
  }

  #bold(text: string): string {
    return this.#hasColors ? `\u001b[1m${text}\u001b[22m` : text
  }

  #paint(color: number, text: string): string {
    return this.#hasColors ? `\u001b[${color}m${text}\u001b[39m` : text
  }
}

/** The form in words: `flowId=1 flowExecutionId=3 code=4 (running)`. */
function formText({ path, fields }: Arrival): string {
  const known = meanings[path.split('/').at(-1) ?? ''] ?? {}
  const meaning = (name: string, value: string) => (name === 'code' || name === 'status' ? known[value] : undefined)
  return fields
    .map(([name, value]) => `${name}=${value}${meaning(name, value) ? ` (${meaning(name, value)})` : ''}`)
    .join(' ')
}

/** What is worth a line of its own below the arrival; else empty. */
function remarkText({ found, answer, reason }: Arrival): string {
  if (reason !== '') return `${found}: ${reason}`
  if (found === 'duplicate' || found === 'stale') return `${found}: no ${found === 'stale' ? '' : 'second '}effect`
  return answer === null ? 'has its effect, but the answer is lost' : ''
}

/** Lines of at most `width` columns; a longer word stands alone. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`
}
