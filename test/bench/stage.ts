import type { Measurement } from './results.ts'
import type { Server } from './server.ts'

/** What a part of the bench has at hand, and where it leaves its figures. */
export class Stage {
  readonly part: string
  readonly server: Server
  /** Times the number of rows that a part names. */
  readonly scale: number
  readonly measurements: Measurement[] = []
  readonly failures: string[] = []
  readonly #rounds: number | undefined

  constructor(part: string, server: Server, options: { readonly scale: number; readonly rounds: number | undefined }) {
    this.part = part
    this.server = server
    this.scale = options.scale
    this.#rounds = options.rounds
  }

  /** A number of rows at this scale, at least 2. */
  rows(count: number): number {
    return Math.max(2, Math.round(count * this.scale))
  }

  /**
   * Rounds of all contestants in turn, A B C, A B C, ..., so that what disturbs the machine disturbs all of them. One that
   * fails is named with what it printed, and left out of its later rounds.
   */
  async interleave(contestants: Readonly<Record<string, Round>>, rounds = 3): Promise<void> {
    const failed = new Set<string>()
    for (let round = 1; round <= (this.#rounds ?? rounds); round++) {
      for (const [name, measure] of Object.entries(contestants)) {
        if (failed.has(name)) continue
        try {
          await measure((figure, value, unit) => {
            if (value !== undefined) this.#note({ contestant: name, round, figure, value, unit })
          })
        } catch (error) {
          failed.add(name)
          this.fail(name, error)
        }
      }
    }
  }

  fail(contestant: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.failures.push(`${this.part}, ${contestant}: ${text}`)
    progress(`${this.part}: ${contestant} failed: ${text}`)
  }

  #note(measurement: Omit<Measurement, 'part'>): void {
    const { contestant, round, figure, value, unit } = measurement
    this.measurements.push({ part: this.part, ...measurement, value: rounded(value) })
    progress(`${this.part} ${round}: ${contestant}: ${figure} ${rounded(value)} ${unit}`)
  }
}

/** Notes a figure of this round; a value that is not to be had here (`undefined`) is left out. */
export type Note = (figure: string, value: number | undefined, unit: string) => void

/** Measures one contestant once. */
export type Round = (note: Note) => Promise<void>

/** One short line for whoever waits. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** To four digits: the rest is noise, and makes every line of the results differ. */
function rounded(value: number): number {
  return Number(value.toPrecision(4))
}
