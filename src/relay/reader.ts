import type { Backlog } from '../backlog/backlog.ts'
import type { Scopes } from '../backlog/scopes.ts'
import type { IndexPlace, ShownRow } from '../model.ts'
import { readKeyHeads, sendHints } from '../outbox/key-heads.ts'
import type { Session } from '../outbox/session.ts'
import { expire, nextExpiry } from '../outbox/settle.ts'
import { readDue, readFresh } from '../outbox/tip.ts'
import {
  choresMs,
  duePauseMs,
  expiryRows,
  jumpBackIds,
  jumpIds,
  jumpPages,
  keysAtOnce,
  longLookBack,
  pullingMs,
} from '../policy/tuning.ts'
import type { Agenda } from './agenda.ts'
import type { Ahead } from './ahead.ts'
import type { AutoResetEvent } from './auto-reset-event.ts'
import type { Healer } from './healer.ts'
import type { Holds } from './holds.ts'
import { Puller } from './puller.ts'
import type { Recovery } from './recovery.ts'
import { Sweeper } from './sweeper.ts'
import { Tip } from './tip.ts'
import type { LookedFor } from './wake.ts'

export interface ReaderParts {
  readonly session: Session
  readonly backlog: Backlog
  readonly scopes: Scopes
  readonly holds: Holds
  readonly healer: Healer
  readonly ahead: Pick<Ahead, 'giveUp'>
  readonly recovery: Recovery
  readonly agenda: Agenda
  /** Of the present registration. */
  readonly epoch: () => string
  /** Set when rows may have come in that can start. */
  readonly claimable: AutoResetEvent
  /** Callbacks are dead, since they have expired. */
  readonly expired: (ids: readonly string[]) => void
}

/** What a look brought; times are of `performance.now()`. */
export interface Look extends LookedFor {
  /** New rows that were never tried. */
  readonly fresh: number
}

/** Beyond the last row that is due. */
const dueEnd: IndexPlace = { dueUs: Number.POSITIVE_INFINITY, id: '0' }

/**
 * Reads over one session, one statement at a time: what is new, whose turn in its key it is, what origins have room for, and,
 * now and then, what has expired, what is held, what a dead relay left, and whether anything was missed.
 */
export class Reader {
  readonly #parts: ReaderParts
  readonly #fresh = new Tip('fresh')
  readonly #due = new Tip('due')
  readonly #puller: Puller
  readonly #sweeper: Sweeper
  #isStarted = false
  #readAt = 0
  #duePauseUntil = 0
  #fullDuePages = 0
  #choresAt = 0

  constructor(parts: ReaderParts) {
    this.#parts = parts
    const tips = { fresh: this.#fresh, due: this.#due }
    this.#puller = new Puller(parts, range => tips[range].reached)
    this.#sweeper = new Sweeper(parts)
  }

  /** @param isPassing another look follows within milliseconds: due rows are not read each time then. */
  async look(isPassing: boolean): Promise<Look> {
    if (!this.#isStarted) await this.#start()
    const { agenda, healer, session } = this.#parts
    let [found, fresh, more] = [0, 0, false]
    if (agenda.isNewWanted) {
      agenda.isNewWanted = false
      this.#readAt = performance.now()
      ;({ rows: fresh, more } = await this.#readFresh())
      found += fresh
    }
    if (performance.now() >= healer.nextAt && (await healer.work(session))) agenda.nextDueAt = 0
    const now = performance.now()
    if (now >= agenda.nextDueAt || !isPassing || now >= this.#duePauseUntil) {
      const due = await this.#readDue()
      found += due.rows
      more ||= due.more
    }
    if (performance.now() >= this.#choresAt) more = (await this.#doChores()) || more
    // Before the pulls: what was on hold until now goes on slowly, and they would find it free.
    if (agenda.areHoldsWanted || (this.#mayPull && this.#parts.holds.areAny)) more = (await this.#readHolds()) || more
    more = (await this.#readWanted()) || more
    more = (await this.#parts.recovery.work(session)) || more
    more = (await this.#sweeper.work()) || more
    await this.#sendHints()
    if (more) agenda.isNewWanted = true
    const pullAt = this.#parts.backlog.wantsPulls ? this.#puller.nextAt : Number.POSITIVE_INFINITY
    const alarmAt = Math.min(agenda.nextDueAt, this.#choresAt, this.#sweeper.nextAt, pullAt, healer.nextAt)
    return { found, fresh, more, alarmAt, readAt: this.#readAt }
  }

  /** From a little before the end on; what is older is the sweep's. */
  async #start(): Promise<void> {
    const { session, epoch, backlog, agenda } = this.#parts
    agenda.restart()
    const now = performance.now()
    const { lastId } = await readFresh(session, epoch(), [], 1)
    this.#fresh.restart(placeBefore(lastId, longLookBack.rows), now)
    const { nowUs } = await readDue(session, epoch(), dueEnd, 1)
    this.#due.restart({ dueUs: nowUs - longLookBack.ms * 1_000, id: '0' }, now)
    backlog.wantSweep()
    this.#isStarted = true
  }

  async #readFresh(): Promise<{ readonly rows: number; readonly more: boolean }> {
    const { session, epoch, backlog, claimable } = this.#parts
    const now = performance.now()
    const next = this.#fresh.read(now)
    const read = backlog.beginRead()
    const { rows, isFull, lastId } = await readFresh(session, epoch(), next.gaps, next.limit)
    const shown = this.#fresh.show(rows, next, performance.now())
    backlog.offer(shown.filter(isOffered), read)
    backlog.endRead()
    if (shown.length > 0) claimable.set()
    if (isFull && BigInt(lastId) - BigInt(this.#fresh.reached.id) > BigInt(jumpIds)) {
      this.#fresh.restart(placeBefore(lastId, jumpBackIds), now)
      backlog.wantSweep()
    }
    return { rows: shown.length, more: isFull }
  }

  async #readDue(): Promise<{ readonly rows: number; readonly more: boolean }> {
    const { session, epoch, backlog, agenda, claimable } = this.#parts
    const now = performance.now()
    this.#duePauseUntil = now + duePauseMs
    const next = this.#due.read(now)
    const read = backlog.beginRead()
    // A retry that is recorded meanwhile is not in the answer.
    agenda.nextDueAt = Number.POSITIVE_INFINITY
    const { rows, isFull, nextInMs, nowUs } = await readDue(session, epoch(), next.after, next.limit)
    const shown = this.#due.show(rows, next, performance.now())
    backlog.offer(shown.filter(isOffered), read)
    backlog.endRead()
    if (shown.length > 0) claimable.set()
    if (nextInMs !== null) agenda.noteDue(now + Math.max(1, nextInMs))
    this.#fullDuePages = isFull ? this.#fullDuePages + 1 : 0
    if (this.#fullDuePages >= jumpPages) {
      this.#due.restart({ dueUs: nowUs - 1_000_000, id: '0' }, now)
      backlog.wantSweep()
    }
    return { rows: shown.length, more: isFull }
  }

  /** What the backlog asks for, for a short while: then new rows come first again. True: it asks for more. */
  async #readWanted(): Promise<boolean> {
    const { backlog, claimable } = this.#parts
    for (const end = performance.now() + pullingMs; backlog.wantsAnswers || this.#mayPull; ) {
      if (performance.now() >= end) return true
      if (backlog.wantsAnswers) await this.#readKeys()
      if (this.#mayPull && !(await this.#puller.pull())) return backlog.wantsAnswers
      claimable.set()
    }
    return false
  }

  get #mayPull(): boolean {
    return this.#parts.backlog.wantsPulls && performance.now() >= this.#puller.nextAt
  }

  async #readKeys(): Promise<void> {
    const { session, epoch, backlog } = this.#parts
    const read = backlog.beginRead({ questions: keysAtOnce })
    const answers = await readKeyHeads(session, epoch(), read.questions)
    for (const [index, question] of read.questions.entries()) {
      const answer = answers[index]
      if (answer) backlog.answered(question, answer.key, answer.first, read)
    }
    backlog.endRead()
  }

  /** Each second. True: there is more. */
  async #doChores(): Promise<boolean> {
    const { session, epoch, backlog, agenda, healer, expired: tell } = this.#parts
    agenda.areHoldsWanted = true
    const inMs = (await nextExpiry(session)) ?? Number.POSITIVE_INFINITY
    const expired = inMs <= 0 ? await expire(session, epoch(), expiryRows) : []
    for (const { id, orderingKey, next } of expired) backlog.settledUnclaimed(id, orderingKey, next)
    if (expired.length > 0) tell(expired.map(({ id }) => id))
    if (await healer.probe(session)) agenda.nextDueAt = 0
    const isMore = expired.length === expiryRows
    if (!isMore) this.#choresAt = performance.now() + choresMs
    return isMore
  }

  /** An origin with a hold less, or another: what was passed over there may go. True: holds have changed. */
  async #readHolds(): Promise<boolean> {
    const { session, backlog, agenda, holds, ahead, scopes, claimable } = this.#parts
    agenda.areHoldsWanted = false
    const changed = await holds.read(session)
    ahead.giveUp(origin => changed.some(each => each === origin || (each.endsWith(':') && origin.startsWith(each))))
    for (const origin of changed) {
      if (origin.endsWith(':')) backlog.wantSweep()
      else {
        scopes.startSlowly(origin)
        backlog.rewind(origin)
      }
    }
    if (changed.length === 0) return false
    backlog.freedAll()
    claimable.set()
    return true
  }

  async #sendHints(): Promise<void> {
    const { ids, isSweep } = this.#parts.backlog.takeHints()
    const payloads = isSweep ? [...ids, 'sweep'] : ids
    if (payloads.length > 0) await sendHints(this.#parts.session, payloads)
  }
}

/** What others have claimed is theirs to end; then it is shown again, or the next of its key is named. */
function isOffered({ standing }: ShownRow): boolean {
  return standing === 'due' || standing === 'claimed here'
}

function placeBefore(id: string, ids: number): IndexPlace {
  const before = BigInt(id) - BigInt(ids)
  return { dueUs: null, id: String(before > 0n ? before : 0n) }
}
