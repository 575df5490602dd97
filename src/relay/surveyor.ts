import type { Log } from '../log/log.ts'
import type { Decision, Outcome } from '../model.ts'
import type { Session } from '../outbox/session.ts'
import { readSurvey, type Survey } from '../outbox/survey.ts'
import { summaryMs } from '../policy/tuning.ts'
import type { Background } from './background.ts'
import type { Chore } from './meanwhile.ts'

/** What this relay has done since the last summary. */
export class Tally {
  #counts = { delivered: 0, dead: 0, failed: 0, unknown: 0 }
  #delivered = 0

  /** How many callbacks were delivered since the relay began. */
  get delivered(): number {
    return this.#delivered
  }

  attempted({ kind }: Outcome, { status }: Decision): void {
    if (kind === 'delivered') this.#delivered += 1
    if (kind === 'delivered') this.#counts.delivered += 1
    else if (kind === 'unknown') this.#counts.unknown += 1
    else this.#counts.failed += 1
    if (status === 'dead') this.#counts.dead += 1
  }

  /** So many callbacks are dead without an attempt. */
  ended(callbacks: number): void {
    this.#counts.dead += callbacks
  }

  take(): Readonly<Record<'delivered' | 'dead' | 'failed' | 'unknown', number>> {
    const counts = this.#counts
    this.#counts = { delivered: 0, dead: 0, failed: 0, unknown: 0 }
    return counts
  }
}

export interface SurveyorParts {
  readonly session: Session
  readonly background: Background
  readonly epoch: () => string
  readonly log: Log
  readonly tally: Tally
  readonly failing: () => number
  /** How often the tables are surveyed, in milliseconds; at most a minute. */
  readonly everyMs: number
  /** When the last summary was written, by `performance.now()`. It outlives connections. */
  readonly clock: { summaryAt: number }
  readonly surveyed: (survey: Survey) => void
}

/** Surveys the tables now and then, and writes the summary once a minute. */
export class Surveyor implements Chore {
  readonly #parts: SurveyorParts
  #nextAt: number

  constructor(parts: SurveyorParts) {
    this.#parts = parts
    this.#nextAt = performance.now() + Math.min(parts.everyMs, 1_000)
  }

  get nextAt(): number {
    return this.#parts.background.after('survey', this.#nextAt)
  }

  async step(): Promise<void> {
    const { background, everyMs } = this.#parts
    this.#nextAt = performance.now() + everyMs
    await background.run('survey', () => this.#survey())
  }

  async #survey(): Promise<boolean> {
    const { session, epoch, clock, surveyed } = this.#parts
    const survey = await readSurvey(session, epoch())
    surveyed(survey)
    if (performance.now() - clock.summaryAt >= summaryMs) this.#summarise(survey)
    return true
  }

  #summarise({ due, later, claimed, oldestWaitingSeconds }: Survey): void {
    const { log, tally, failing, clock } = this.#parts
    clock.summaryAt = performance.now()
    log.info('summary', {
      ...tally.take(),
      failing: failing(),
      waiting: due + later + claimed,
      oldest_ms: oldestWaitingSeconds === null ? null : Math.round(oldestWaitingSeconds * 1_000),
    })
  }
}
