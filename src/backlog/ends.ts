import { compareIds } from '../ids.ts'
import type { ShownRow } from '../model.ts'
import type { Memory } from './memory.ts'
import type { Messages } from './messages.ts'
import type { Offers } from './offers.ts'
import type { Candidate } from './origin-backlog.ts'
import type { Questions } from './questions.ts'

/**
 * Why a claim did not get a row, as the look at it says:
 * - `gone`: it is settled, or does not exist
 * - `occupied`: it or an earlier row of its key is claimed elsewhere, or a session has locked it
 * - `claimed here`: an earlier claim of this relay has it, and the reply was lost
 * - `behind`: another row, `first`, is the first unsettled one of its key; pending, or claimed here
 * - `held`: a hold matches it
 * - `later`: it is not due
 * - `free`: the reason is gone, and `row` is how it stands now; `row` null: this relay's registration was gone
 */
export type Refusal =
  | { readonly why: 'gone' }
  | { readonly why: 'occupied' }
  | { readonly why: 'held' }
  | { readonly why: 'later' }
  | { readonly why: 'claimed here'; readonly row: ShownRow }
  | { readonly why: 'behind'; readonly first: ShownRow }
  | { readonly why: 'free'; readonly row: ShownRow | null }

/**
 * How a row that was under way ended:
 * - `settled`: by a statement of this relay, which names the next row
 * - `back`: pending again by a statement of this relay
 * - `unknown`: otherwise, or the reply is lost
 */
export type AttemptEnd = 'settled' | 'back' | 'unknown'

export interface EndsParts {
  readonly memory: Memory
  readonly offers: Offers
  readonly questions: Questions
  readonly messages: Messages
  readonly mostResting: number
  readonly restMs: number
  /** The row is settled. The read that is out may still show it. */
  readonly left: (row: ShownRow) => void
  readonly wantSweep: () => void
}

/** What happens to a row under way, and to its key, when it ends or its claim is refused. */
export class Ends {
  readonly #parts: EndsParts

  constructor(parts: EndsParts) {
    this.#parts = parts
  }

  refused(id: string, refusal: Refusal, now: number): void {
    const { memory, messages, offers } = this.#parts
    const candidate = memory.get(id)
    if (candidate?.state !== 'under way') return
    if (refusal.why === 'gone') this.#gone(candidate)
    else if (refusal.why === 'occupied') this.#rest(candidate, now)
    else if (refusal.why === 'claimed here') messages.release(refusal.row)
    else if (refusal.why === 'held') offers.leave(candidate)
    else if (refusal.why === 'later') offers.leaveUntilDue(candidate)
    else if (refusal.why === 'behind') {
      offers.leave(candidate)
      offers.offerFirst(refusal.first, false)
    } else {
      if (refusal.row) memory.correct(candidate, refusal.row)
      offers.stay(candidate, 'ready')
    }
  }

  ended(id: string, end: AttemptEnd, next: ShownRow | null): void {
    const candidate = this.#parts.memory.get(id)
    if (candidate?.state !== 'under way') return
    if (end === 'settled') this.#settled(candidate, next)
    else if (end === 'back') this.#parts.offers.leaveUntilDue(candidate)
    else this.#askAfter(candidate)
  }

  /**
   * A row under way stays in memory. Its claim will be refused, which asks for the key; or it was replayed meanwhile,
   * and will be claimed.
   */
  settledUnclaimed(id: string, key: string | null, next: ShownRow | null): void {
    const { memory, offers, questions, left } = this.#parts
    const candidate = memory.get(id)
    if (candidate && candidate.state !== 'under way') {
      left(candidate.row)
      memory.remove(candidate)
    }
    // The statement that ends the occupant may have begun before this one. It may then name the row that is settled
    // here.
    const occupant = memory.occupant(key)
    if (occupant?.state === 'under way') occupant.asks = true
    else if (key !== null && next?.standing === 'claimed here') questions.ask(key)
    if (next) offers.offerFirst(next, true)
  }

  /**
   * Beyond the bound the row is forgotten and left to a sweep. If passed over, it would be pulled and refused again at
   * once.
   */
  #rest(candidate: Candidate, now: number): void {
    const { memory, offers, mostResting, restMs, wantSweep } = this.#parts
    if (memory.resting < mostResting) {
      candidate.restsUntil = now + restMs
      offers.stay(candidate, 'resting')
    } else {
      memory.remove(candidate)
      offers.askForEarlier(candidate)
      wantSweep()
    }
  }

  #settled(candidate: Candidate, next: ShownRow | null): void {
    const { memory, offers, left } = this.#parts
    left(candidate.row)
    memory.remove(candidate)
    const noted = candidate.passedOver
    // The noted copy may be newer than the one that the statement named, and the tip does not show it again.
    const first = noted && noted.id === next?.id ? noted : next
    if (first) offers.offerFirst(first, true)
    const isEarlier = first?.standing !== 'due' || (noted !== undefined && compareIds(noted.id, first.id) < 0)
    if (candidate.asks || isEarlier) offers.askForEarlier(candidate)
    offers.offerNewer(candidate)
  }

  #gone(candidate: Candidate): void {
    this.#parts.left(candidate.row)
    this.#askAfter(candidate)
  }

  #askAfter(candidate: Candidate): void {
    const { memory, questions, offers } = this.#parts
    memory.remove(candidate)
    if (candidate.orderingKey !== null) questions.ask(candidate.orderingKey)
    offers.offerNewer(candidate)
  }
}
