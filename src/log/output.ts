import { fstatSync, writeSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Where the log's lines go. */
export interface LogOutput {
  readonly isTTY?: boolean
  write(text: string): unknown
  /** @param say logs the number of lost lines. */
  readonly onDropped?: (say: (lines: number) => void) => void
}

/** Writes one line, and calls `done` before it returns or later; with an error, the line is lost. It never throws. */
export type Sink = (line: string, done: (error?: Error | null) => void) => void

/** How many bytes may wait for the reader of a pipe. */
const maxWaiting = 1_000_000

/** Between two attempts to log the number of lost lines, in milliseconds. */
const sayAfterMs = 1_000

/**
 * The log must not stop deliveries, so a line that cannot be written is dropped and counted. The count is logged a
 * second later, or when lines can be written again.
 */
export class DroppingOutput implements LogOutput {
  readonly isTTY: boolean
  readonly #sink: Sink
  #say: (lines: number) => void = () => {}
  #dropped = 0
  #willSay = false
  /** How many lines are lost if the present one is: it may hold the count of others. */
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
 * On POSIX, a write to `process.stdout` does not block when that is a pipe. Lines that nobody reads wait in memory,
 * without a limit of Node's. The program must listen to the stream's `error`.
 */
function toStream(stream: NodeJS.WriteStream): Sink {
  return (line, done) => {
    if (stream.writableLength > maxWaiting) done(new Error('nobody reads the log'))
    else stream.write(line, done)
  }
}

/** `process.stdout` would answer a full disk with an `error` event, and end the stream. */
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
      // A disk that fills up in mid-line leaves the beginning of the line.
      if (written > 0) isTorn = true
      done(error as Error)
    }
  }
}
