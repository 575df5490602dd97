import type { Backlog, Refusal } from '../backlog/backlog.ts'
import type { Scopes } from '../backlog/scopes.ts'
import { BoundedMap } from '../bounded-map.ts'
import type { Claim, Release, ShownRow } from '../model.ts'
import { claim } from '../outbox/claim.ts'
import type { Claimable, ClaimedFresh } from '../outbox/claim-fresh.ts'
import { isLastingDataError, isRefusal } from '../outbox/database-errors.ts'
import { isolate, type Refused } from '../outbox/isolate.ts'
import { type Looked, look } from '../outbox/look.ts'
import { release } from '../outbox/release.ts'
import type { Session } from '../outbox/session.ts'
import { giveUp, supersede } from '../outbox/settle.ts'
import { endOfTurn } from '../pause.ts'
import {
  calmOrigins,
  lockedPauseMs,
  longLookBack,
  loopIdleMs,
  mostCalm,
  quickClaimMs,
  supersedeRows,
} from '../policy/tuning.ts'
import type { Agenda } from './agenda.ts'
import type { Attempts } from './attempts.ts'
import type { AutoResetEvent } from './auto-reset-event.ts'
import { asciiReason, type Refusals } from './refusals.ts'

export interface ClaimerParts {
  readonly backlog: Backlog
  readonly scopes: Scopes
  readonly refusals: Refusals
  /** Set when a slot or a row may have come free. */
  readonly claimable: AutoResetEvent
  /** The epoch of the present registration. */
  readonly epoch: () => string
  readonly attempts: Pick<Attempts, 'ahead' | 'start' | 'has'>
  readonly agenda: Agenda
  /** How many POSTs may start now, and how many rows may be claimed ahead. Both are 0 while the lease is not held. */
  readonly slots: () => { readonly free: number; readonly ahead: number }
  /** Whether no other relay lives. Whose an origin is, a statement cannot know. */
  readonly isAlone: () => boolean
  /** Set when a claim has been answered. */
  readonly progress: AutoResetEvent
}

/**
 * Claims as many rows as can be sent at once, and some milliseconds' worth ahead, one statement at a time.
 *
 * A row is *in doubt* if it was not claimed, if its claim's reply was lost, or if its claim may not begin. It is looked at
 * before its key goes on. Doubts outlive connections.
 */
export class Claimer {
  readonly #parts: ClaimerParts
  /** Rows in doubt, each with the epoch under which it may be claimed. */
  readonly #inDoubt = new Map<string, string>()
  /** The statements under way that claim. */
  readonly #claiming = new Set<{ readonly sentAt: number }>()
  /** The epoch under which a read claims now; null: none does. */
  #readUnder: string | null = null
  /** Reads that claimed, and whose reply was lost: when the last under each epoch was sent, by `performance.now()`. */
  readonly #lostReads = new BoundedMap<string, number>(mostLostReads)
  /** Origins of the latest rows that were claimed as they were read. */
  readonly #recent = new BoundedMap<string, true>(mostCalm)
  /** Whether the last claim returned no row. */
  #gotNothing = false
  /** Most rows of the next claim: fewer after a reply that did not come. Large forms may not pass a slow network in time. */
  #most = Number.POSITIVE_INFINITY

  constructor(parts: ClaimerParts) {
    this.#parts = parts
  }

  /** Since when a claim is under way, by `performance.now()`; null: none. */
  get claimingSince(): number | null {
    const [first] = this.#claiming
    return first?.sentAt ?? null
  }

  /** Whether a row is, or may be, in doubt under this epoch. */
  isInDoubt(epoch: string): boolean {
    return this.#readUnder === epoch || [...this.#inDoubt.values()].includes(epoch)
  }

  /** Whether this row is in doubt under this epoch. */
  isInDoubtOf(id: string, epoch: string): boolean {
    return this.#inDoubt.get(id) === epoch
  }

  /**
   * By epoch: when the last read was sent that claimed under it and whose reply was lost. This process does not know what
   * that read claimed, and has sent nothing of it.
   */
  get lostReads(): ReadonlyMap<string, number> {
    return this.#lostReads
  }

  /** Claims until the signal is aborted, then releases claims that have not begun. Throws when the session fails. */
  async run(session: Session, signal: AbortSignal): Promise<void> {
    const { claimable } = this.#parts
    claimable.setBy(signal)
    while (!signal.aborted) {
      await this.#account(session)
      const ready = this.#take(performance.now())
      if (ready.length > 0) await this.#claimAll(session, ready)
      else {
        await claimable.wait(this.#hasDoubts ? lockedPauseMs : this.#pauseMs)
        // POSTs that end in the same turn share a claim.
        await endOfTurn()
      }
    }
    // Claims ahead do not wait for a read that claims, since it may hang.
    await this.#account(session)
    while (this.#readUnder !== null) await claimable.wait(loopIdleMs)
    await this.#account(session)
  }

  /**
   * Has new rows claimed as they are read, while all is calm: so that one statement, and not two, stands between a row's
   * notification and its POST.
   *
   * @returns what was read; null: it was not read, since not all is calm, or PostgreSQL refuses a row.
   */
  async claimAsRead(read: (claimable: Claimable) => Promise<ClaimedFresh>): Promise<ClaimedFresh | null> {
    const claimable = this.#claimableNow(performance.now())
    if (claimable === null) return null
    const epoch = this.#parts.epoch()
    const sentAt = performance.now()
    this.#readUnder = epoch
    try {
      const found = await this.#timed(claimable.most, () => read(claimable))
      for (const each of found.claims) this.#startAsRead(each)
      return found
    } catch (error) {
      if (isRefusal(error)) return null
      this.#lostReads.set(epoch, sentAt)
      throw error
    } finally {
      this.#readUnder = null
      this.#parts.claimable.set()
    }
  }

  /**
   * What a read may claim now; null: nothing. Rows in doubt, and claims to release, wait for the end of such reads, so
   * they come first. Without other relays every origin is this one's, and any of which nothing is known may have one POST.
   */
  #claimableNow(now: number): Claimable | null {
    const { backlog, scopes, slots, isAlone } = this.#parts
    if (this.#hasDoubts || backlog.messages.hasReleases || !isAlone() || slots().free === 0 || scopes.freeForNew === 0)
      return null
    if (backlog.origins + scopes.unready.size > calmOrigins) return null
    const except = [...scopes.unready, ...backlog.unready(origin => scopes.isReady(origin, now))]
    const most = Math.min(mostCalm, scopes.freeForNew, this.#most)
    const several = [...this.#recent.keys()].filter(
      origin => scopes.isReady(origin, now) && scopes.slots(origin, now) >= most,
    )
    return { most, except, several }
  }

  /** A row that cannot start at once is released: its origin has lost its slot meanwhile, or its key is under way. */
  #startAsRead(claim: Claim): void {
    const { backlog, scopes, attempts } = this.#parts
    const { origin, urlHash } = claim
    const now = performance.now()
    const isReady = scopes.isReady(origin, now) && !scopes.isTroubled(origin, urlHash)
    this.#recent.set(origin, true)
    if (!backlog.claimedAsRead(shownOf(claim), isReady)) return
    scopes.started(claim, now)
    attempts.start(claim)
  }

  #take(now: number): readonly ShownRow[] {
    const { backlog, scopes, slots, attempts, agenda } = this.#parts
    for (const origin of scopes.opened(now)) {
      const isForProbe = scopes.isBroken(origin)
      if (isForProbe) backlog.shed(origin)
      backlog.freed(origin)
      if (isForProbe) agenda.event.set()
    }
    const { free, ahead: more } = slots()
    const most = Math.min(free + more, this.#most)
    const ready = most > 0 ? backlog.take(most, now, Math.min(free, most)) : []
    attempts.ahead.unblock(now)
    return ready
  }

  get #pauseMs(): number {
    const { backlog, scopes, slots, attempts } = this.#parts
    const { free, ahead } = slots()
    // Without a slot no row is taken, so one whose rest is over waits for a slot as well.
    const restedAt = free + ahead > 0 ? backlog.nextAt : undefined
    const times = [restedAt, scopes.nextAt, attempts.ahead.nextAt]
    const nextAt = Math.min(...times.map(at => at ?? Number.POSITIVE_INFINITY))
    return Math.min(loopIdleMs, Math.max(1, nextAt - performance.now()))
  }

  async #claimAll(session: Session, ready: readonly ShownRow[]): Promise<void> {
    const { backlog, scopes, refusals, attempts, epoch } = this.#parts
    const now = performance.now()
    const able: ShownRow[] = []
    for (const row of ready) {
      if (refusals.restMs(row.id, now) === 0) able.push(row)
      else {
        scopes.withdrawn(row.id)
        backlog.refused(row.id, { why: 'occupied' }, now)
      }
    }
    const taken = new Map(able.map(row => [row.id, row]))
    for (const { id } of able) this.#inDoubt.set(id, epoch())
    const refused = await this.#timed(able.length, () =>
      isolate(able, async part => {
        const ids = part.map(({ id }) => id)
        for (const each of await claim(session, epoch(), ids)) {
          const row = taken.get(each.id)
          if (row && (row.origin !== each.origin || row.urlHash !== each.urlHash)) {
            // An operator has moved it. If its new receiver may not have it now, it stays in doubt, which releases it.
            scopes.withdrawn(each.id)
            backlog.freed(row.origin)
            if (!scopes.isReady(each.origin, now) || scopes.isTroubled(each.origin, each.urlHash)) {
              backlog.claimed(shownOf(each))
              continue
            }
            scopes.started(each, now)
          }
          taken.delete(each.id)
          this.#inDoubt.delete(each.id)
          refusals.passed(each.id)
          backlog.claimed(shownOf(each))
          if (scopes.isAhead(each.id)) attempts.ahead.add(each, now, performance.now())
          else attempts.start(each)
        }
      }),
    ).finally(() => {
      for (const id of taken.keys()) scopes.withdrawn(id)
      this.#gotNothing = taken.size === able.length
    })
    if (performance.now() - now < quickClaimMs) this.#most *= 2
    await this.#refuse(session, refused)
  }

  /** @param count how many rows the reply may have. */
  async #timed<T>(count: number, claims: () => Promise<T>): Promise<T> {
    const statement = { sentAt: performance.now() }
    this.#claiming.add(statement)
    try {
      return await claims()
    } catch (error) {
      if (!isRefusal(error)) this.#most = Math.max(1, count >> 1)
      throw error
    } finally {
      this.#claiming.delete(statement)
      this.#parts.progress.set()
    }
  }

  /** PostgreSQL refuses to claim these rows. One that can never be sent becomes dead; any other rests. */
  async #refuse(session: Session, refused: readonly Refused<ShownRow>[]): Promise<void> {
    if (refused.length === 0) return
    const { backlog, refusals, epoch } = this.#parts
    const faulty = refused.flatMap(({ item, error }) =>
      isLastingDataError(error) ? { id: item.id, reason: `PostgreSQL refuses it: ${asciiReason(error)}` } : [],
    )
    const dead = new Map<string, ShownRow | null>()
    await isolate(faulty, async part => {
      for (const { id, next } of await giveUp(session, epoch(), part)) dead.set(id, next)
    })
    const now = performance.now()
    for (const { item, error } of refused) {
      const { id } = item
      this.#inDoubt.delete(id)
      const next = dead.get(id)
      if (next !== undefined) {
        refusals.ended(id, error)
        backlog.ended(id, 'settled', next)
      } else {
        refusals.refused(id, error, now, { statement: 'claim' })
        backlog.refused(id, { why: 'occupied' }, now)
      }
    }
  }

  /** Rows in doubt, each with its epoch. One that PostgreSQL refuses to release rests meanwhile. */
  get #doubts(): (readonly [string, string])[] {
    const now = performance.now()
    return [...this.#inDoubt].filter(([id]) => this.#parts.refusals.restMs(id, now) === 0).slice(0, 1_000)
  }

  get #hasDoubts(): boolean {
    return this.#doubts.length > 0
  }

  /**
   * Accounts for rows in doubt. While a read claims, only for claims ahead: the rows of the read are not known yet, and
   * others in doubt may be among them. Those would be released, although they are about to start.
   */
  async #account(session: Session): Promise<void> {
    const { backlog, scopes, attempts, epoch, progress } = this.#parts
    const { ahead } = attempts
    const leaving = ahead.takeLeaving(performance.now())
    for (const { id, epoch } of leaving) {
      scopes.withdrawn(id)
      this.#inDoubt.set(id, epoch)
    }
    const doubts = new Map(leaving.map(({ id, epoch }) => [id, epoch]))
    if (this.#readUnder === null) {
      // A read has shown these as claimed under this registration.
      for (const { id } of backlog.messages.takeReleases())
        if (!attempts.has(id) && !this.#inDoubt.has(id)) this.#inDoubt.set(id, epoch())
      for (const [id, epoch] of this.#doubts) doubts.set(id, epoch)
    }
    try {
      if (doubts.size > 0) await this.#judge(session, doubts)
    } finally {
      ahead.forget(leaving)
      if (leaving.length > 0) progress.set()
    }
  }

  /** Looks at these rows: why was each not claimed, or was it, and never began? */
  async #judge(session: Session, doubts: ReadonlyMap<string, string>): Promise<void> {
    const { backlog, epoch, agenda } = this.#parts
    const found = await look(session, epoch(), [...doubts.keys()])
    const looked = new Map(found.map(each => [each.id, each]))
    const superseded = await this.#supersede(session, found)
    const now = performance.now()
    // No byte of these claims was sent.
    const unsent: Unsent[] = []
    for (const [id, epoch] of doubts) {
      const stands = looked.get(id)
      this.#inDoubt.delete(id)
      if (superseded.has(id)) continue
      if (stands?.status === 'claimed' && stands.claimedEpoch === epoch) {
        // Behind the others: it may stay in doubt for long, with a thousand more.
        this.#inDoubt.set(id, epoch)
        unsent.push({ id, rev: stands.row.rev, epoch })
      } else {
        // Its transaction was open until after that. Only the look for all expired rows finds it.
        if ((stands?.expiredMs ?? 0) > longLookBack.ms) agenda.areAllExpiredWanted = true
        const refusal = refusalOf(stands)
        // No row was claimed though this one is free, so the registration is gone. A new one takes a moment.
        backlog.refused(id, refusal.why === 'free' && this.#gotNothing ? { why: 'occupied' } : refusal, now)
      }
    }
    await this.#release(session, unsent)
    if (backlog.wantsReads) agenda.event.set()
  }

  /** Cancels superseded rows that are first in their keys, and superseded rows that follow them in the key. */
  async #supersede(session: Session, found: readonly Looked[]): Promise<Set<string>> {
    const { backlog, refusals, epoch } = this.#parts
    const ids = found.flatMap(({ id, status, isSuperseded, first }) =>
      status === 'pending' && isSuperseded && !first ? id : [],
    )
    if (ids.length === 0) return new Set()
    const ended = new Set<string>()
    const run = (limit: number) => async (part: readonly string[]) => {
      for (const { id, orderingKey, next } of await supersede(session, epoch(), part, limit)) {
        refusals.passed(id)
        backlog.settled(id, orderingKey, next)
        ended.add(id)
      }
    }
    const refused = await isolate(ids, run(supersedeRows))
    // What PostgreSQL refuses may be a row that follows in the key. Then the first one goes alone.
    const rows = refused.map(({ item }) => item)
    for (const { item, error } of await isolate(rows, run(1)))
      refusals.refused(item, error, performance.now(), { statement: 'supersede' })
    return ended
  }

  /** A claim that this does not release stays in doubt. */
  async #release(session: Session, claims: readonly Unsent[]): Promise<void> {
    const { backlog, refusals, agenda } = this.#parts
    for (const epoch of new Set(claims.map(each => each.epoch))) {
      const ofEpoch = claims.filter(each => each.epoch === epoch)
      const refused = await isolate(ofEpoch, async part => {
        for (const id of await release(session, epoch, part)) {
          this.#inDoubt.delete(id)
          refusals.passed(id)
          backlog.ended(id, 'back', null)
          agenda.dueAgainAt(performance.now())
        }
      })
      for (const { item, error } of refused)
        refusals.refused(item.id, error, performance.now(), { statement: 'release', becomes: 'claimed' })
    }
  }
}

/** A claim of which no byte was sent. */
type Unsent = Release & Pick<Claim, 'epoch'>

/** Most epochs of which a lost read is remembered. */
const mostLostReads = 100

/** A claimed row as a read would show it. */
function shownOf(claim: Claim): ShownRow {
  const { id, orderingKey, origin, urlHash, dueUs, rev, attemptOfBudget, maxAttempts } = claim
  const standing = 'claimed here'
  return { id, orderingKey, origin, urlHash, dueUs, standing, rev, tried: attemptOfBudget - 1, maxAttempts }
}

/** Why the claim did not get a row, by what a look shows. */
function refusalOf(stands: Looked | undefined): Refusal {
  if (stands === undefined || !(stands.status === 'pending' || stands.status === 'claimed')) return { why: 'gone' }
  const { row, first, isLocked, isHeld, expiredMs, isSuperseded } = stands
  if (stands.status === 'claimed' || isLocked) return { why: 'occupied' }
  if (first) return first.standing === 'claimed elsewhere' ? { why: 'occupied' } : { why: 'behind', first }
  // The statement `supersede` cancels it, unless somebody was faster.
  if (isSuperseded) return { why: 'occupied' }
  if (row.standing === 'later') return { why: 'later' }
  // The statement `expire` ends it within a second.
  if (expiredMs !== null) return { why: 'occupied' }
  return isHeld ? { why: 'held' } : { why: 'free', row }
}
