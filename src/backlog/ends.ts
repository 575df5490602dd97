import { compareIds } from '../ids.ts'
import type { ShownRow } from '../model.ts'
import type { Memory } from './memory.ts'
import type { Messages } from './messages.ts'
import type { Offers } from './offers.ts'
import type { Candidate } from './origin-backlog.ts'
import type { Questions } from './questions.ts'

/**
 * Why a claim did not get a row, as the look at it says:
 * - `gone`: it is settled, or there is no such row
 * - `occupied`: it or an earlier row of its key is claimed elsewhere, or somebody has locked it
 * - `claimed here`: by an earlier claim whose reply was lost
 * - `behind`: `first` is unsettled and the first of its key; pending, or claimed here
 * - `held`, `later`: a hold matches it; it is not due
 * - `free`: what refused it is there no more; `row` is how it stands. Or this relay's registration was: `row` is null
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
 * - `settled`: by a statement of this relay, which names the next row of the key
 * - `back`: pending again by a statement of this relay: a retry, a release
 * - `unknown`: not by a statement of this relay, or nobody can tell
 */
export type AttemptEnd = 'settled' | 'back' | 'unknown'

export interface EndsParts {
  readonly memory: Memory
  readonly offers: Offers
  readonly questions: Questions
  readonly messages: Messages
  readonly mostResting: number
  readonly restMs: number
  /** The row is settled: a read under way may still show it. */
  readonly left: (row: ShownRow) => void
  readonly wantSweep: () => void
}

/** What becomes of a row under way, and of its key, when it ends or its claim is refused. */
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

  /** One under way stays: its claim is refused and the key asked; or it was replayed since, and is claimed anew. */
  settledUnclaimed(id: string, key: string | null, next: ShownRow | null): void {
    const { memory, offers, questions, left } = this.#parts
    const candidate = memory.get(id)
    if (candidate && candidate.state !== 'under way') {
      left(candidate.row)
      memory.remove(candidate)
    }
    // The statement that ends the occupant may have begun before this one, and then names the row that is settled here.
    const occupant = memory.occupant(key)
    if (occupant?.state === 'under way') occupant.asks = true
    else if (key !== null && next?.standing === 'claimed here') questions.ask(key)
    if (next) offers.offerFirst(next, true)
  }

  /** Beyond the bound it is forgotten: passed over it would be pulled and refused again at once. */
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
    // The tip does not show the noted copy again, though it may be newer than the one that the statement named.
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
