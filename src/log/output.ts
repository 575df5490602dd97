import { fstatSync, writeSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Where lines of the log go. */
export interface LogOutput {
  readonly isTTY?: boolean
  write(text: string): unknown
  /** @param say logs how many lines were lost. */
  readonly onDropped?: (say: (lines: number) => void) => void
}

/** Writes one line, and says whether it was lost: before it returns, or later. It never throws and never blocks. */
export type Sink = (line: string, done: (error?: Error | null) => void) => void

/** Characters that may wait for the reader of a pipe. */
const maxWaiting = 1_000_000

/** Between two attempts to say how many lines were lost. */
const sayAfterMs = 1_000

/**
 * A log must not stop deliveries: a line that cannot be written is dropped and counted. The count is logged about a second
 * later, or when lines can be written again.
 */
export class DroppingOutput implements LogOutput {
  readonly isTTY: boolean
  readonly #sink: Sink
  #say: (lines: number) => void = () => {}
  #dropped = 0
  #willSay = false
  /** How many lines are lost when the one that is being written is: it may itself hold the count of others. */
  #weight = 1

  constructor(sink: Sink, isTTY = false) {
    this.#sink = sink
    this.isTTY = isTTY
  }

  readonly onDropped = (say: (lines: number) => void): void => {
    this.#say = say
  }

  write(line: string): void {
    const weight = this.#weight
    this.#sink(line, error => {
      if (error) this.#drop(weight)
    })
  }

  #drop(lines: number): void {
    this.#dropped += lines
    if (this.#willSay) return
    this.#willSay = true
    setTimeout(() => this.#sayDropped(), sayAfterMs).unref()
  }

  #sayDropped(): void {
    this.#willSay = false
    this.#weight = this.#dropped
    this.#dropped = 0
    this.#say(this.#weight)
    this.#weight = 1
  }
}

/** The process's stdout. */
export function standardOutput(): DroppingOutput {
  const isTTY = isatty(1)
  const stdout = fstatSync(1)
  return new DroppingOutput(isTTY || stdout.isFIFO() || stdout.isSocket() ? toStream(process.stdout) : toFile(1), isTTY)
}

/**
 * On POSIX a write to `process.stdout` does not block when that is a pipe: what the reader does not take waits in memory,
 * without a limit. Whoever runs the program has to listen to the stream's `error`.
 */
function toStream(stream: NodeJS.WriteStream): Sink {
  return (line, done) => {
    if (stream.writableLength > maxWaiting) done(new Error('nobody reads the log'))
    else stream.write(line, done)
  }
}

/** For `process.stdout` a full disk would be an `error` event, and the end of the stream. */
export function toFile(fd: number): Sink {
  let isTorn = false
  return (line, done) => {
    const bytes = Buffer.from(isTorn ? `\n${line}` : line)
    let written = 0
    try {
      while (written < bytes.length) written += writeSync(fd, bytes, written)
      isTorn = false
      done()
    } catch (error) {
      // A disk that becomes full takes the beginning of a line.
      if (written > 0) isTorn = true
      done(error as Error)
    }
  }
}
