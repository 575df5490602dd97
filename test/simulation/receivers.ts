import type { Claim, OutcomeKind } from '../../src/model.ts'
import type { Arrival } from '../checker/history.ts'
import type { Database } from './database.ts'
import type { Dice } from './dice.ts'
import type { Flaws } from './flaws.ts'
import { type EndedPost, Gateway } from './gateway.ts'
import type { Settings } from './settings.ts'
import type { Owner, Timeline } from './timeline.ts'

/** How a request ends, as both sides see it. */
export interface Fate {
  /** As the relay sees it. */
  readonly kind: OutcomeKind
  /** null: the request never arrives. */
  readonly arrivesInMs: number | null
  readonly answer: number | null
  readonly endsInMs: number
  readonly retryAfterMs?: number
}

/** The receivers, and the network in front of them. */
export class Receivers {
  readonly timeline: Timeline
  readonly dice: Dice
  readonly flaws: Flaws
  readonly arrivals: Arrival[] = []
  readonly #db: Database
  /** null: this world has none. */
  gateway: Gateway | null = null
  /** null: all relays have the same. */
  settings: Settings | null = null
  /** Whether every request is answered with 200. */
  isCalm = false

  constructor(timeline: Timeline, dice: Dice, db: Database) {
    this.timeline = timeline
    this.dice = dice
    this.flaws = db.flaws
    this.#db = db
  }

  /** A relay sends the first byte. */
  sent({ messageId, attempt, epoch }: Claim, relay: string): void {
    if (this.#db.registrations.has(epoch)) return
    const at = this.timeline.now.toFixed(2)
    this.#db.strays.push(
      `${relay} sent attempt ${attempt} of ${messageId} at ${at} under ${epoch}, which was buried before`,
    )
  }

  arrive(arrival: Omit<Arrival, 'at'>): void {
    this.arrivals.push({ ...arrival, at: this.timeline.now })
  }

  /** Called when a POST takes its slot. @param headers of the settings that the relay uses for it. */
  began(claim: Claim, by: Owner, headers: readonly string[]): void {
    this.settings?.began(claim, by, headers)
    if (Gateway.isOf(claim)) this.gateway?.began(claim, by)
  }

  ended(claim: Claim, by: Owner, end: EndedPost): void {
    if (Gateway.isOf(claim)) this.gateway?.ended(claim, by, end)
  }

  fate(claim: Claim, deadlineMs: number): Fate {
    const { dice } = this
    if (this.gateway && Gateway.isOf(claim)) return this.gateway.fate(claim, deadlineMs)
    const arrivesInMs = dice.between(0.2, 30)
    const endsInMs = arrivesInMs + (dice.chance(0.1) ? dice.between(100, 1_500) : dice.between(0.5, 60))
    const answered = { arrivesInMs, endsInMs }
    const hung = { kind: 'unknown', answer: null, endsInMs: deadlineMs } as const
    const chance = this.isCalm ? 0 : dice.next()
    if (chance < 0.72) return { kind: 'delivered', answer: 200, ...answered }
    if (chance < 0.82) return { kind: 'failed', answer: dice.pick([500, 503]), ...answered }
    if (chance < 0.85) return { kind: 'rejected', answer: 404, ...answered }
    if (chance < 0.89) return { kind: 'not_sent', answer: null, arrivesInMs: null, endsInMs: 1 }
    if (chance < 0.92) return { ...hung, arrivesInMs }
    if (chance < 0.95) return { ...hung, arrivesInMs: null, endsInMs: dice.between(1, 100) }
    return { ...hung, arrivesInMs: dice.between(0, 3_000), endsInMs: dice.between(1, 100) }
  }
}
