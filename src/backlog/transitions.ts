import { compareIds } from '../ids.ts'
import type { ShownRow } from '../model.ts'
import type { Behind, OfferKind } from './behind.ts'
import type { Memory } from './memory.ts'
import type { Messages } from './messages.ts'
import type { Candidate } from './origin-backlog.ts'
import type { Questions } from './questions.ts'
import { isLater } from './shown-row.ts'

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

export interface TransitionsParts {
  readonly memory: Memory
  readonly behind: Behind
  readonly questions: Questions
  readonly messages: Messages
  readonly isMine: (origin: string) => boolean
  readonly memoryRows: number
  readonly restingRows: number
  readonly restMs: number
  /** The row is settled. The read that is out may still show it. */
  readonly left: (row: ShownRow) => void
}

/**
 * What happens to a row, and to its key:
 * - when it was read: it is admitted, passed over, or noted behind another of its key
 * - when it leaves memory unsettled
 * - when its claim is refused, or its attempt ends
 */
export class Transitions {
  readonly #parts: TransitionsParts

  constructor(parts: TransitionsParts) {
    this.#parts = parts
  }

  /** A row that is due, or claimed here. */
  offer(row: ShownRow, kind: OfferKind): void {
    const { memory, messages } = this.#parts
    const known = memory.get(row.id)
    if (known?.state === 'under way') keepNewer(known, row)
    else if (row.standing === 'claimed here') messages.release(row)
    else if (known?.row.origin === row.origin) memory.correct(known, row)
    else {
      // An operator has changed its URL: it is taken in at its new origin.
      if (known) memory.remove(known)
      this.#offerNew(row, kind)
    }
  }

  /** The first unsettled row of a key, in any state. @param isOwn an act of this relay made it the first. */
  offerFirst(row: ShownRow, isOwn: boolean): void {
    const { memory, messages, isMine } = this.#parts
    const occupant = memory.occupant(row.orderingKey)
    // The statement that ends the occupant may have seen less than this one, and may name a row that is settled by
    // then. So the key is asked for again.
    if (occupant?.state === 'under way') occupant.asks = true
    if (occupant?.id === row.id && occupant.row.origin === row.origin) return
    const mine = isMine(row.origin)
    if (mine && row.standing === 'due') this.offer(row, 'first')
    else {
      if (occupant && occupant.state !== 'under way' && occupant.id !== row.id) this.leave(occupant)
      if (row.standing === 'claimed here' && memory.get(row.id)?.state !== 'under way') messages.release(row)
      else if (!mine && isOwn) messages.hint(row)
    }
  }

  /** No row of the key is unsettled. A row written after the answer is found by the next pull. */
  noneOf(key: string | null): void {
    const occupant = this.#parts.memory.occupant(key)
    if (occupant && occupant.state !== 'under way') this.leave(occupant)
  }

  /** The row leaves memory unsettled, and may come back at once. */
  leave(candidate: Candidate): void {
    const { memory, isMine } = this.#parts
    memory.remove(candidate)
    this.#askForEarlier(candidate)
    const row = candidate.newer ?? candidate.row
    if (isMine(row.origin)) this.#passOver(row)
  }

  refused(candidate: Candidate, refusal: Refusal, now: number): void {
    const { memory, messages, left } = this.#parts
    if (refusal.why === 'gone') {
      left(candidate.row)
      this.ended(candidate, 'unknown', null)
    } else if (refusal.why === 'occupied') this.#rest(candidate, now)
    else if (refusal.why === 'claimed here') messages.release(refusal.row)
    else if (refusal.why === 'held') this.leave(candidate)
    else if (refusal.why === 'later') this.#leaveUntilDue(candidate)
    else if (refusal.why === 'behind') {
      this.leave(candidate)
      this.offerFirst(refusal.first, false)
    } else {
      if (refusal.row) memory.correct(candidate, refusal.row)
      this.#stay(candidate, 'ready')
    }
  }

  ended(candidate: Candidate, end: AttemptEnd, next: ShownRow | null): void {
    if (end === 'settled') this.#settled(candidate, next)
    else {
      if (end === 'unknown') candidate.asks = true
      this.#leaveUntilDue(candidate)
    }
  }

  /**
   * A row under way stays in memory. Its claim will be refused, which asks for the key; or it was replayed meanwhile,
   * and will be claimed.
   */
  settledUnclaimed(id: string, key: string | null, next: ShownRow | null): void {
    const { memory, questions, left } = this.#parts
    const candidate = memory.get(id)
    if (candidate && candidate.state !== 'under way') {
      left(candidate.row)
      memory.remove(candidate)
    }
    // The statement that ends the occupant may have begun before this one. It may then name the row that is settled
    // here. A claimed row that is named may have ended since, or with this one: two rows of a key are claimed when the first
    // has committed late. One statement may recover both, and each then names the other.
    const occupant = memory.occupant(key)
    if (occupant?.state === 'under way') occupant.asks = true
    else if (key !== null && next?.standing.startsWith('claimed')) questions.ask(key)
    if (next) this.offerFirst(next, true)
  }

  #offerNew(row: ShownRow, kind: OfferKind): void {
    const { memory, isMine } = this.#parts
    const occupant = memory.occupant(row.orderingKey)
    // This comes before the check of ownership: the owner of the row may not know that it is first. When the occupant
    // ends, a hint tells the owner.
    if (occupant?.state === 'under way') noteEarliest(occupant, row)
    else if (isMine(row.origin) && (!occupant || this.#displaces(row, kind, occupant))) this.#takeIn(row, kind)
  }

  /** An occupant that is not under way gives way to an earlier row, and to one known to be the first. */
  #displaces(row: ShownRow, kind: OfferKind, occupant: Candidate): boolean {
    if (kind === 'first' || compareIds(row.id, occupant.id) < 0) {
      this.leave(occupant)
      return true
    }
    // The pull says that the occupant is no longer the first of the key. A tip says no such thing, but the occupant may
    // be settled by now: if it leaves memory before a claim finds out, nobody else knows of this row.
    if (kind === 'head' && row.orderingKey !== null) this.#parts.questions.ask(row.orderingKey)
    else {
      occupant.asks = true
      occupant.isFollowed = true
    }
    return false
  }

  #takeIn(row: ShownRow, kind: OfferKind): void {
    const { memory, behind } = this.#parts
    const origin = memory.meetOf(row)
    // Earlier rows of the range wait in the table, and this one waits behind them.
    const waitsBehind = kind === 'tip' && origin.rangeOf(row).isBehind
    if (waitsBehind || !behind.hasRoom(origin, kind) || !this.#makePlace()) this.#passOver(row)
    else memory.admit(row)
  }

  /** When memory is full, the least recently admitted row leaves, unless all are under way. */
  #makePlace(): boolean {
    const { memory, memoryRows } = this.#parts
    if (memory.size < memoryRows) return true
    if (memory.waiting.first) this.leave(memory.waiting.first)
    return memory.size < memoryRows
  }

  /**
   * Beyond the bound the row is forgotten and left to a sweep. If passed over, it would be pulled and refused again at
   * once.
   */
  #rest(candidate: Candidate, now: number): void {
    const { memory, questions, restingRows, restMs } = this.#parts
    if (memory.resting.size < restingRows) {
      candidate.restsUntil = now + restMs
      this.#stay(candidate, 'resting')
    } else {
      memory.remove(candidate)
      this.#askForEarlier(candidate)
      questions.isSweepWanted = true
    }
  }

  #settled(candidate: Candidate, next: ShownRow | null): void {
    const { memory, left } = this.#parts
    left(candidate.row)
    memory.remove(candidate)
    const noted = candidate.passedOver
    // The noted copy may be newer than the one that the statement named, and the tip does not show it again.
    const first = noted && noted.id === next?.id ? noted : next
    if (first) this.offerFirst(first, true)
    const isEarlier = first?.standing !== 'due' || (noted !== undefined && compareIds(noted.id, first.id) < 0)
    if (candidate.asks || isEarlier) this.#askForEarlier(candidate)
    this.#offerNewer(candidate)
  }

  /** A row that was not admitted, or left memory unsettled. The next pull of its origin reads it again. */
  #passOver(row: ShownRow): void {
    const { memory } = this.#parts
    const origin = memory.meetOf(row)
    origin.rangeOf(row).passOver(row)
    memory.update(origin)
  }

  /** The row leaves memory unsettled. The due tip shows it when it is due, or has shown it already. */
  #leaveUntilDue(candidate: Candidate): void {
    this.#parts.memory.remove(candidate)
    this.#askForEarlier(candidate)
    this.#offerNewer(candidate)
  }

  /** The row is no longer under way. It stays in memory if this relay still owns its origin. */
  #stay(candidate: Candidate, state: 'ready' | 'resting'): void {
    const { memory, isMine } = this.#parts
    if (candidate.newer) memory.correct(candidate, candidate.newer)
    if (isMine(candidate.row.origin)) {
      memory.become(candidate, state)
      this.#askForEarlier(candidate)
    } else this.leave(candidate)
  }

  /**
   * Asks for the first row of the key if an earlier row was passed over meanwhile, or if the key must be asked for
   * anyway.
   */
  #askForEarlier(candidate: Candidate): void {
    const { orderingKey, passedOver, asks } = candidate
    if ((passedOver || asks) && orderingKey !== null) this.#parts.questions.ask(orderingKey)
    candidate.passedOver = undefined
    candidate.asks = false
  }

  #offerNewer({ newer }: Candidate): void {
    if (newer) this.offer(newer, 'tip')
  }
}

function keepNewer(known: Candidate, row: ShownRow): void {
  if (isLater(row, known.newer ?? known.row)) known.newer = row
}

function noteEarliest(occupant: Candidate, row: ShownRow): void {
  const noted = occupant.passedOver
  if (!noted || compareIds(row.id, noted.id) <= 0) occupant.passedOver = row
}
