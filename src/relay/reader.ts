import type { Read } from '../backlog/backlog.ts'
import type { Scopes } from '../backlog/scopes.ts'
import type { IndexPlace, RangeName, ShownRow } from '../model.ts'
import { claimFresh } from '../outbox/claim-fresh.ts'
import { readKeyHeads, sendHints } from '../outbox/key-heads.ts'
import { readDue, readFresh } from '../outbox/tip.ts'
import {
  choresMs,
  dueAheadMs,
  duePauseMs,
  dueShare,
  jumpBackIds,
  jumpIds,
  jumpPages,
  keysAtOnce,
  longLookBack,
  mostCalm,
  newFirstMs,
  pullingMs,
} from '../policy/tuning.ts'
import type { Ahead } from './ahead.ts'
import type { AutoResetEvent } from './auto-reset-event.ts'
import type { Claimer } from './claimer.ts'
import { Expiry, type ExpiryParts } from './expiry.ts'
import type { Healer } from './healer.ts'
import type { Holds } from './holds.ts'
import { Puller } from './puller.ts'
import type { Recovery } from './recovery.ts'
import { Sweeper } from './sweeper.ts'
import { Tip } from './tip.ts'
import type { LookedFor } from './wake.ts'

export interface ReaderParts extends ExpiryParts {
  readonly scopes: Scopes
  readonly holds: Holds
  readonly healer: Healer
  readonly ahead: Pick<Ahead, 'giveUp'>
  readonly claimer: Pick<Claimer, 'claimAsRead'>
  readonly recovery: Recovery
  /** Set when rows may have come that can start. */
  readonly claimable: AutoResetEvent
}

/** The result of a look. Times are of `performance.now()`. */
export interface Look extends LookedFor {
  /** How many new rows were never tried. */
  readonly fresh: number
}

/** What reads of other rows than new ones have found. */
interface Others {
  readonly rows: number
  /** Whether there is more to read. */
  readonly more: boolean
}

const nothing: Others = { rows: 0, more: false }
const never = Number.POSITIVE_INFINITY

/** What is done now and then. */
interface Duty {
  /** When it is time, by `performance.now()`. */
  readonly at: () => number
  readonly work: () => Promise<Others>
}

/** The place after the last due row. */
const dueEnd: IndexPlace = { dueUs: Number.POSITIVE_INFINITY, id: '0' }

/**
 * Reads over one session, one statement at a time: new rows, heads of keys, and rows for which origins have room; now
 * and then expired rows, changed holds, claims of dead relays, and the sweep.
 */
export class Reader {
  readonly #parts: ReaderParts
  readonly #fresh = new Tip('fresh')
  readonly #due = new Tip('due')
  readonly #puller: Puller
  readonly #sweeper: Sweeper
  readonly #expiry: Expiry
  readonly #duties: readonly Duty[]
  /** Which of them is next. */
  #duty = 0
  readonly #reached = (range: RangeName) => (range === 'fresh' ? this.#fresh : this.#due).reached
  #isStarted = false
  #readAt = 0
  /** The last read found more new rows than can be claimed as they are read. */
  #isFlood = false
  /** The last id that the sequence had given at the last read of new rows. */
  #lastId = '0'
  /** When due rows are read again while new rows come. */
  #dueReadAt = 0
  /** When they may be read again: reads that find none have a share of the time. */
  #dueRestUntil = 0
  /** Until then new rows come first, if a notification has told of more. */
  #newFirstUntil = 0
  #fullDuePages = 0
  #choresAt = 0

  constructor(parts: ReaderParts) {
    this.#parts = parts
    this.#sweeper = new Sweeper(parts)
    this.#expiry = new Expiry(parts)
    this.#duties = this.#dutiesOf(parts)
    this.#puller = new Puller({ ...parts, foundNothing: ms => this.#sweeper.foundNothing(ms) }, this.#reached)
  }

  /** @param isPassing whether another look follows within milliseconds. */
  async look(isPassing: boolean): Promise<Look> {
    if (!this.#isStarted) await this.#start()
    const { agenda, backlog } = this.#parts
    let [found, fresh, more, isAllNew] = [0, 0, false, false]
    if (agenda.isNewWanted) {
      agenda.isNewWanted = false
      this.#readAt = performance.now()
      ;({ rows: fresh, more, isAllNew } = await this.#readFresh())
      found += fresh
    }
    const dueAt = isPassing || isAllNew ? this.#dueReadAt : this.#dueRestUntil
    if (!isPassing || performance.now() >= dueAt) agenda.noteDue(dueAt)
    // Rows of which another notification has told meanwhile come first, for some milliseconds.
    if (!agenda.isNewWanted || performance.now() >= this.#newFirstUntil) {
      const others = await this.#readOthers(isPassing)
      found += others.rows
      more ||= others.more
    }
    if (more) agenda.isNewWanted = true
    const pullAt = backlog.wantsPulls ? this.#pullAt : never
    const alarmAt = Math.min(pullAt, ...this.#duties.map(({ at }) => at()))
    return { found, fresh, more, alarmAt, readAt: this.#readAt }
  }

  /**
   * Reads all but new rows, as far as it is time. While new rows come, they wait for one duty in each look and not for all:
   * each takes a round trip to the database, or the time that a busy machine makes it wait.
   */
  async #readOthers(isPassing: boolean): Promise<Others> {
    const { agenda, holds } = this.#parts
    this.#newFirstUntil = performance.now() + newFirstMs
    let [rows, more] = [0, false]
    for (let n = 0; n < this.#duties.length; n += 1) {
      const duty = this.#duties[this.#duty]
      this.#duty = (this.#duty + 1) % this.#duties.length
      if (!duty || performance.now() < duty.at()) continue
      const done = await duty.work()
      rows += done.rows
      more ||= done.more
      if (isPassing || agenda.isNewWanted) break
    }
    // An origin that was on hold until now begins slowly, and the pulls would find it free.
    if (this.#mayPull && holds.areAny) more = (await this.#readHolds()) || more
    more = (await this.#readWanted()) || more
    await this.#sendHints()
    return { rows, more }
  }

  #dutiesOf({ agenda, background, healer, recovery, session }: ReaderParts): Duty[] {
    const only = async (more: Promise<boolean>): Promise<Others> => ({ rows: 0, more: await more })
    const bringForward = async () => {
      if (await background.run('bring forward', () => healer.work(session))) agenda.nextDueAt = 0
      return nothing
    }
    const findOrphans = () => background.run('orphans', () => recovery.work(session, this.#reached))
    const sweep = () => background.run('sweep', () => this.#sweeper.work())
    return [
      { at: () => background.after('bring forward', healer.nextAt), work: bringForward },
      { at: () => agenda.nextDueAt, work: () => this.#readDue() },
      { at: () => this.#choresAt, work: () => only(this.#doChores()) },
      { at: () => background.after('holds', agenda.areHoldsWanted ? 0 : never), work: () => only(this.#readHolds()) },
      { at: () => background.after('orphans', recovery.nextAt), work: () => only(findOrphans()) },
      { at: () => background.after('sweep', this.#sweeper.nextAt), work: () => only(sweep()) },
    ]
  }

  /** Begins to read a little before the end. The sweep finds older rows. */
  async #start(): Promise<void> {
    const { session, epoch, backlog, agenda } = this.#parts
    agenda.restart()
    const now = performance.now()
    const { lastId } = await readFresh(session, epoch(), [], 1)
    this.#fresh.restart(placeBefore(lastId, longLookBack.rows), now)
    this.#lastId = lastId
    const { nowUs } = await readDue(session, epoch(), dueEnd, 1)
    this.#due.restart({ dueUs: nowUs - longLookBack.ms * 1_000, id: '0' }, now)
    backlog.wantSweep()
    this.#isStarted = true
  }

  /**
   * `isAllNew`: rows were found, and they have all ids that were given since the last read. So nobody has inserted a row
   * with a due time meanwhile.
   */
  async #readFresh(): Promise<{ readonly rows: number; readonly more: boolean; readonly isAllNew: boolean }> {
    const { session, epoch, backlog, claimer } = this.#parts
    const now = performance.now()
    const next = this.#fresh.read(now)
    const read = backlog.beginRead()
    const page = [session, epoch(), next.gaps, next.limit] as const
    const claimed = this.#isFlood ? null : await claimer.claimAsRead(which => claimFresh(...page, which))
    const { rows, isFull, lastId } = claimed ?? (await readFresh(...page))
    const shown = this.#offer(this.#fresh.show(rows, next, performance.now()), read)
    this.#isFlood = shown.length > mostCalm
    const before = BigInt(this.#lastId)
    this.#lastId = lastId
    const ids = shown.filter(({ id }) => BigInt(id) > before).length
    const isAllNew = ids > 0 && BigInt(lastId) - before === BigInt(ids)
    // The sequence went back: TRUNCATE ... RESTART IDENTITY.
    const isReset = BigInt(lastId) < before
    if (isReset || (isFull && BigInt(lastId) - BigInt(this.#fresh.reached.id) > BigInt(jumpIds))) {
      this.#fresh.restart(placeBefore(lastId, jumpBackIds), now)
      backlog.wantSweep()
    }
    return { rows: shown.length, more: isFull || isReset, isAllNew }
  }

  async #readDue(): Promise<Others> {
    const { session, epoch, backlog, agenda } = this.#parts
    const now = performance.now()
    const next = this.#due.read(now)
    const read = backlog.beginRead()
    // Reset before the read, since the answer does not show a retry that is recorded meanwhile.
    agenda.nextDueAt = Number.POSITIVE_INFINITY
    const { rows, isFull, nextInMs, nowUs } = await readDue(session, epoch(), next.after, next.limit)
    const shown = this.#offer(this.#due.show(rows, next, performance.now()), read)
    agenda.noteDue(now + Math.max(1, nextInMs ?? dueAheadMs))
    const restMs = shown.length > 0 ? 0 : (performance.now() - now) / dueShare
    this.#dueRestUntil = now + restMs
    this.#dueReadAt = now + Math.max(duePauseMs, restMs)
    this.#fullDuePages = isFull ? this.#fullDuePages + 1 : 0
    if (this.#fullDuePages >= jumpPages) {
      this.#due.restart({ dueUs: nowUs - 1_000_000, id: '0' }, now)
      backlog.wantSweep()
    }
    return { rows: shown.length, more: isFull }
  }

  /** Ends the read. */
  #offer(shown: readonly ShownRow[], read: Read): readonly ShownRow[] {
    const { backlog, claimable } = this.#parts
    backlog.offer(shown.filter(isOffered), read)
    backlog.endRead()
    if (shown.length > 0) claimable.set()
    return shown
  }

  /**
   * Reads for `pullingMs` what the backlog asks for; then new rows come first again. Returns whether it asks for more.
   */
  async #readWanted(): Promise<boolean> {
    const { backlog, background, claimable } = this.#parts
    for (const end = performance.now() + pullingMs; backlog.wantsAnswers || this.#mayPull; ) {
      if (performance.now() >= end) return true
      if (backlog.wantsAnswers) await this.#readKeys()
      if (this.#mayPull && !(await background.run('pull', () => this.#puller.pull()))) return backlog.wantsAnswers
      claimable.set()
    }
    return false
  }

  get #mayPull(): boolean {
    return this.#parts.backlog.wantsPulls && performance.now() >= this.#pullAt
  }

  get #pullAt(): number {
    return this.#parts.background.after('pull', this.#puller.nextAt)
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

  /** Done each second. Returns whether there is more to do at once. */
  async #doChores(): Promise<boolean> {
    const { session, agenda, background, healer } = this.#parts
    agenda.areHoldsWanted = true
    const isMore = await this.#expiry.work()
    await background.run('outages', () => healer.resume(session))
    if (await background.run('probe', () => healer.probe(session))) agenda.nextDueAt = 0
    if (!isMore) this.#choresAt = performance.now() + choresMs
    return isMore
  }

  /**
   * Reads the holds. At an origin whose holds have changed, rows that were passed over may go. Returns whether holds
   * have changed.
   */
  #readHolds(): Promise<boolean> {
    return this.#parts.background.run('holds', () => this.#readChangedHolds())
  }

  async #readChangedHolds(): Promise<boolean> {
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
    const { ids, isSweep } = this.#parts.backlog.messages.takeHints()
    const payloads = isSweep ? [...ids, 'sweep'] : ids
    if (payloads.length > 0) await sendHints(this.#parts.session, payloads)
  }
}

/**
 * Rows that another relay has claimed are not offered. When that ends, a read or a hint shows the row, or the next of
 * its key.
 */
function isOffered({ standing }: ShownRow): boolean {
  return standing === 'due' || standing === 'claimed here'
}

function placeBefore(id: string, ids: number): IndexPlace {
  const before = BigInt(id) - BigInt(ids)
  return { dueUs: null, id: String(before > 0n ? before : 0n) }
}
