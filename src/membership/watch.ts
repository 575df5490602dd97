import type { Registration } from '../outbox/registration.ts'
import { renewalMs } from '../policy/tuning.ts'

/** A relay that has not renewed while we did so often is not counted upon any more, though it may be alive. */
const patience = 3

/** How the others stand. */
export interface Watched {
  /** Their count has moved within our last three renewals, or within three of their own. */
  readonly living: readonly Registration[]
  /** Their count has stood still for their whole lease, by our own monotonic clock: nobody can trust it any more. */
  readonly expired: readonly Registration[]
  /** Others have renewed three times since our last renewal, which is late: they may have counted us out. */
  readonly isLate: boolean
}

/** What was seen of a registration when its count last moved. */
interface Seen {
  readonly renewals: string
  /** Of our renewals. */
  readonly round: number
  readonly at: number
}

/** Between two renewals of a relay with this lease, in milliseconds: a short lease bears no second without one. */
export function renewalIntervalMs(leaseMs: number): number {
  return Math.min(renewalMs, leaseMs / 3)
}

/** Watches the renewals of all registrations. No clock but our own decides, and a new watcher begins by believing everybody. */
export class RenewalWatch {
  readonly #leaseMs: number
  readonly #seen = new Map<string, Seen>()
  #round = 0
  #sawAt = Number.POSITIVE_INFINITY

  /** @param leaseMs our own. */
  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  /**
   * After each renewal of our own. Times are milliseconds of a clock that only grows. A count is known to stand still from an
   * answer on until the next renewal is sent: what it did while a statement was on its way, perhaps for long, nobody knows.
   *
   * @param now when the renewal was sent.
   * @param answeredAt when its answer came.
   */
  see(registrations: readonly Registration[], now: number, answeredAt = now): Watched {
    this.#round += 1
    const epochs = new Set(registrations.map(({ epoch }) => epoch))
    for (const epoch of this.#seen.keys()) if (!epochs.has(epoch)) this.#seen.delete(epoch)
    // By one interval less than the others wait: the renewal may have been on its way for as long.
    const hasPaused = now - this.#sawAt >= (patience - 1) * renewalIntervalMs(this.#leaseMs)
    const isLate = hasPaused && registrations.some(each => this.#hasGoneOn(each))
    this.#sawAt = now
    for (const { epoch, renewals } of registrations)
      if (this.#seen.get(epoch)?.renewals !== renewals)
        this.#seen.set(epoch, { renewals, round: this.#round, at: answeredAt })
    return {
      living: registrations.filter(each => this.#isLiving(each, now)),
      expired: registrations.filter(({ epoch, leaseMs }) => now - this.#seenOf(epoch).at >= leaseMs),
      isLate,
    }
  }

  #isLiving({ epoch, leaseMs }: Registration, now: number): boolean {
    const { round, at } = this.#seenOf(epoch)
    return this.#round - round < patience || now - at < patience * renewalIntervalMs(leaseMs)
  }

  /** One that was not there yet has begun with none. */
  #hasGoneOn({ epoch, renewals }: Registration): boolean {
    return BigInt(renewals) - BigInt(this.#seen.get(epoch)?.renewals ?? 0) >= patience
  }

  #seenOf(epoch: string): Seen {
    const seen = this.#seen.get(epoch)
    if (!seen) throw new Error(`registration ${epoch} was not looked at`)
    return seen
  }
}
