import type { Registration } from '../outbox/registration.ts'
import { renewalMs } from '../policy/tuning.ts'

/** A relay that has not renewed during this many of our renewals is not counted on, though it may be alive. */
const patience = 3

/** The state of the registrations. */
export interface Watched {
  /** Their count has changed within our last three renewals, or within three of their own intervals. */
  readonly living: readonly Registration[]
  /**
   * Their count has not changed for their whole lease, by our monotonic clock. Their relay does not trust it any more.
   */
  readonly expired: readonly Registration[]
  /** Another relay has renewed three times since our last renewal, so the others may have counted this relay out. */
  readonly isLate: boolean
}

/** When the count of a registration last changed. */
interface Seen {
  readonly renewals: string
  /** Number of our renewal. */
  readonly round: number
  readonly at: number
}

/** Between two renewals of a relay, in milliseconds. It is shorter for a short lease. */
export function renewalIntervalMs(leaseMs: number): number {
  return Math.min(renewalMs, leaseMs / 3)
}

/** A relay without a renewal for so long is not counted on. */
export function patienceMs(leaseMs: number): number {
  return patience * renewalIntervalMs(leaseMs)
}

/**
 * Watches the renewals of all registrations. Only our own clock counts, and a new watcher takes every registration for
 * living.
 */
export class RenewalWatch {
  readonly #leaseMs: number
  readonly #seen = new Map<string, Seen>()
  #round = 0
  #sawAt = Number.POSITIVE_INFINITY

  /** @param leaseMs of our own lease. */
  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  /**
   * Call this after each of our renewals. Times are milliseconds of a clock that only grows. A count stands still from
   * an answer until the next renewal is sent: while a statement is on its way, perhaps for long, it may change unseen.
   *
   * @param now when the renewal was sent.
   * @param answeredAt when its answer came.
   */
  see(registrations: readonly Registration[], now: number, answeredAt = now): Watched {
    this.#round += 1
    const epochs = new Set(registrations.map(({ epoch }) => epoch))
    for (const epoch of this.#seen.keys()) if (!epochs.has(epoch)) this.#seen.delete(epoch)
    // One interval less than the others' patience: our last renewal may have been under way that long.
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
    return this.#round - round < patience || now - at < patienceMs(leaseMs)
  }

  /** A registration seen for the first time counts from 0. */
  #hasGoneOn({ epoch, renewals }: Registration): boolean {
    return BigInt(renewals) - BigInt(this.#seen.get(epoch)?.renewals ?? 0) >= patience
  }

  #seenOf(epoch: string): Seen {
    const seen = this.#seen.get(epoch)
    if (!seen) throw new Error(`registration ${epoch} was not looked at`)
    return seen
  }
}
