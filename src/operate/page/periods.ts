import { readPeriod, type SettledCount } from '../../outbox/screen-periods.ts'
import type { Session } from '../../outbox/session.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** What a chart shows: so many periods of this length. */
export interface Span {
  readonly periodMs: number
  readonly periods: number
  /** A row of the table beside the chart. */
  readonly rowMs: number
  readonly title: string
  readonly last: string
}

export type SpanName = '1 h' | '24 h' | '7 d'

export const spans: Readonly<Record<SpanName, Span>> = {
  '1 h': {
    periodMs: minuteMs,
    periods: 60,
    rowMs: 15 * minuteMs,
    title: 'Outcomes a minute',
    last: 'the last hour',
  },
  '24 h': {
    periodMs: 15 * minuteMs,
    periods: 96,
    rowMs: 2 * hourMs,
    title: 'Outcomes in 15 minutes',
    last: 'the last 24 hours',
  },
  '7 d': {
    periodMs: 2 * hourMs,
    periods: 84,
    rowMs: 24 * hourMs,
    title: 'Outcomes in 2 hours',
    last: 'the last 7 days',
  },
}

/** What a minute has settled may be committed a moment later, in milliseconds. */
const lateMs = 2_000
/** After reading for this long, in milliseconds, the rest waits for the next renewal. */
const patienceMs = 30

/** What one span has settled. A period that is over does not change, so each is read once, the newest first. */
export class Periods {
  readonly #span: Span
  readonly #known = new Map<number, SettledCount>()

  constructor(span: Span) {
    this.#span = span
  }

  /** @returns the known periods, the oldest first: all of the span, or only the newest until the others are read. */
  async read(session: Session, now: Date): Promise<SettledCount[]> {
    const { periodMs, periods } = this.#span
    const end = Math.floor((+now - lateMs) / periodMs) * periodMs
    const wanted = Array.from({ length: periods }, (_, n) => end - (n + 1) * periodMs)
    for (const atMs of this.#known.keys()) if (!wanted.includes(atMs)) this.#known.delete(atMs)
    const missing = wanted.filter(atMs => !this.#known.has(atMs))
    const startedAt = performance.now()
    for (const atMs of missing) {
      if (performance.now() - startedAt > patienceMs) break
      this.#known.set(atMs, await readPeriod(session, atMs, periodMs))
    }
    return [...this.#known.values()].toSorted((a, b) => a.atMs - b.atMs)
  }
}
