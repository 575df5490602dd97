import type { WriteStream } from 'node:tty'
import { type Arrival, clockText, formText, isAccepted, remarkText } from './arrival.ts'
import { cut, printable, wrap } from './text.ts'

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
    for (const line of wrap(text, Math.min(80, this.#width))) this.line(this.#bold(line))
  }

  /** A numbered heading, after an empty line. */
  step(text: string): void {
    this.#steps += 1
    const [first = '', ...others] = wrap(text, Math.min(80, this.#width) - 3)
    this.line()
    this.line(this.#bold(`${this.#steps}. ${first}`))
    for (const line of others) this.line(this.#bold(`   ${line}`))
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

  #timed(atMs: number, text: string): void {
    this.line(`  ${this.#paint(90, clockText(atMs))}  ${text}`)
  }

  #bold(text: string): string {
    return this.#hasColors ? `\u001b[1m${text}\u001b[22m` : text
  }

  #paint(color: number, text: string): string {
    return this.#hasColors ? `\u001b[${color}m${text}\u001b[39m` : text
  }
}
