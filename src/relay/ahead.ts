import { Fifo, type Seat } from '../backlog/fifo.ts'
import type { Scopes } from '../backlog/scopes.ts'
import type { Claim } from '../model.ts'
import { longestAheadMs } from '../policy/tuning.ts'

export interface AheadParts {
  readonly scopes: Pick<Scopes, 'isFull' | 'ahead'>
  /** Whether no claim at all may begin now. */
  readonly isPaused: () => boolean
  /** Whether the lease is held and the claim is of the present registration. */
  readonly mayStart: (claim: Claim) => boolean
  readonly begin: (claim: Claim) => void
  /** Called when a claim must be released. */
  readonly leaves: () => void
}

/** A claim that has not begun. Times are of `performance.now()`. */
interface Waiting {
  readonly claim: Claim
  readonly claimedAt: number
  readonly expiresAt: number
  /** Its place among the claims of its origin, and among all; undefined: it must be released. */
  seats: { readonly ofOrigin: Seat<Waiting>; readonly ofAll: Seat<Waiting> } | undefined
}

/**
 * Rows claimed ahead of their slots: a slot that comes free has its next POST without a statement. A row that may not
 * begin any more is released. No byte of it was sent, so its attempt does not count.
 */
export class Ahead {
  readonly #parts: AheadParts
  readonly #claims = new Map<string, Waiting>()
  readonly #all = new Fifo<Waiting>()
  /** The waiting claims by origin. The origin whose claim began last is last. */
  readonly #origins = new Map<string, Fifo<Waiting>>()
  #leaving: Waiting[] = []
  /**
   * Whether claims waited for the whole relay: its slots were all taken, or it was paused. They may begin though no
   * POST of their origin ends.
   */
  #isBlocked = false

  constructor(parts: AheadParts) {
    this.#parts = parts
  }

  /** How many claims there are, including those to be released. */
  get size(): number {
    return this.#claims.size
  }

  has(id: string): boolean {
    return this.#claims.has(id)
  }

  holdsEpoch(epoch: string): boolean {
    for (const { claim } of this.#claims.values()) if (claim.epoch === epoch) return true
    return false
  }

  /** When the oldest claim has waited too long; undefined: none waits. */
  get nextAt(): number | undefined {
    const oldest = this.#all.first
    return oldest && oldest.claimedAt + longestAheadMs
  }

  /** @param claimedAt when the statement was sent. */
  add(claim: Claim, claimedAt: number, now: number): void {
    const { id, origin, expiresInMs } = claim
    const expiresAt = expiresInMs === null ? Number.POSITIVE_INFINITY : claimedAt + expiresInMs
    const waiting: Waiting = { claim, claimedAt, expiresAt, seats: undefined }
    const ofOrigin = this.#origins.get(origin) ?? new Fifo<Waiting>()
    this.#origins.set(origin, ofOrigin)
    waiting.seats = { ofOrigin: ofOrigin.push(waiting), ofAll: this.#all.push(waiting) }
    this.#claims.set(id, waiting)
    this.#begin(origin, ofOrigin, now)
  }

  /** Called when a slot of this origin has come free. While claims wait for the relay, origins take turns. */
  freed(origin: string, now: number): void {
    const waiting = this.#origins.get(origin)
    if (this.#isBlocked) this.unblock(now)
    else if (waiting) this.#begin(origin, waiting, now)
  }

  /** Called when slots of the relay may have come free. */
  unblock(now: number): void {
    if (!this.#isBlocked || this.#isStopped) return
    this.#isBlocked = false
    for (const [origin, waiting] of this.#origins) {
      if (this.#isStopped) return
      this.#begin(origin, waiting, now)
    }
  }

  /** Lets no claim of these origins begin: a breaker has opened, a hold has come, or another relay serves them now. */
  giveUp(isMeant: (origin: string) => boolean): void {
    for (const [origin, waiting] of [...this.#origins])
      if (isMeant(origin)) for (const each of [...waiting]) this.#leave(each)
  }

  /** The claims to release, including those that have waited too long. They stay here until `forget`. */
  takeLeaving(now: number): readonly Claim[] {
    for (let first = this.#all.first; first && first.claimedAt + longestAheadMs <= now; first = this.#all.first)
      this.#leave(first)
    const leaving = this.#leaving.map(({ claim }) => claim)
    this.#leaving = []
    return leaving
  }

  forget(claims: readonly Claim[]): void {
    for (const { id } of claims) this.#claims.delete(id)
  }

  /** Whether no claim of any origin may begin now. Notes that `unblock` must then try again. */
  get #isStopped(): boolean {
    const { scopes, isPaused } = this.#parts
    const isStopped = scopes.isFull || isPaused()
    if (isStopped) this.#isBlocked = true
    return isStopped
  }

  #begin(origin: string, waiting: Fifo<Waiting>, now: number): void {
    const { scopes, mayStart, begin } = this.#parts
    let hasBegun = false
    for (let first = waiting.first; first && !this.#isStopped; first = waiting.first) {
      const what = mayStart(first.claim) && first.expiresAt > now ? scopes.ahead(first.claim, now) : 'leaves'
      if (what === 'waits') break
      if (what === 'leaves') this.#leave(first)
      else {
        this.#remove(first)
        this.#claims.delete(first.claim.id)
        begin(first.claim.expiresInMs === null ? first.claim : { ...first.claim, expiresInMs: first.expiresAt - now })
        hasBegun = true
      }
    }
    if (!hasBegun || waiting.size === 0 || this.#origins.size === 1) return
    this.#origins.delete(origin)
    this.#origins.set(origin, waiting)
  }

  #leave(waiting: Waiting): void {
    this.#remove(waiting)
    this.#leaving.push(waiting)
    if (this.#leaving.length === 1) this.#parts.leaves()
  }

  #remove(waiting: Waiting): void {
    const { seats, claim } = waiting
    if (!seats) throw new Error(`Callback ${claim.id} has begun or left before`)
    const ofOrigin = this.#origins.get(claim.origin)
    ofOrigin?.remove(seats.ofOrigin)
    this.#all.remove(seats.ofAll)
    waiting.seats = undefined
    if (ofOrigin?.size === 0) this.#origins.delete(claim.origin)
  }
}
