import { calmBelow, crowdAskMs, streamAbove, streamPauseMs, writerPauseMs } from '../policy/tuning.ts'
import type { AutoResetEvent } from './auto-reset-event.ts'

/**
 * Why it is time to look:
 *
 * - `hint`: a notification came, or another part of the relay asks for a look.
 * - `linger`: a short pause of an awake relay has ended, or more rows are there.
 * - `checked`: the relay may sleep now, after one more look.
 * - `poll`: the slow poll.
 * - `alarm`: other work is due.
 */
export type WakeReason = 'hint' | 'linger' | 'checked' | 'poll' | 'alarm'

/**
 * When to look for new rows, without making producers pay for it.
 *
 * A producer's trigger tries to get a share of the advisory lock, which it keeps to the end of its transaction. It
 * notifies only if it gets no share, that is, if a relay holds the lock. So a relay is in one of two states:
 *
 * - Asleep, with the lock: every writer notifies. The relay looks once for each notification and sleeps on. This is for
 *   rows that come one by one.
 * - Awake, without the lock: writers are silent, and the relay looks at short, growing intervals. This is for a stream
 *   of rows, whose writers would wait for one another to notify.
 *
 * The relay wakes up:
 *
 * - when rows become many
 * - when it sees that writers wait for one another to notify. Where a commit takes long (a slow disk, a synchronous
 *   standby), few rows are enough for that: with 5 ms a commit, 200 writers a second can notify.
 * - when a notification tells of a crowd: at most 16 open transactions notify, and the others are silent.
 *
 * Before it sleeps again, it:
 *
 * 1. waits until rows have become few; after writers have waited, until they are half as many as then
 * 2. tries the lock. It never queues for it: behind a queued request, all producers would notify while one long writer
 *    is open. If it gets the lock, no silent writer is in flight: it looks once more and sleeps.
 * 3. else tries a share. If it gets none, a peer sleeps with the lock. One such relay is enough, since all relays
 *    listen: it sleeps too.
 * 4. else stays awake, since silent writers are in flight, and looks again soon.
 *
 * A notification is only a hint. A slow poll goes on behind it. If it finds rows again and again while every writer
 * notifies, the listener is deaf (`ListenerDoubt`).
 */
export class Wake {
  readonly #lock: SleepLock
  readonly #options: WakeOptions
  readonly #hinted: AutoResetEvent
  #asleep = false
  #locked = false
  readonly #rate: Rate
  #pauseMs = 0
  /** Whether the slow poll was the reason of the last look. */
  #isPolled = false
  /** Whether a notification has told of a crowd since the last look. */
  #isCrowdTold = false
  /** When it may look again whether writers wait for one another. */
  #askAt = 0
  /** Below this rate, in rows a second, rows are few. */
  #calmBelow: number = calmBelow

  /** @param hinted is set when a notification came, or another part of the relay asks for a look. */
  constructor(lock: SleepLock, options: WakeOptions, hinted: AutoResetEvent) {
    this.#lock = lock
    this.#hinted = hinted
    this.#options = options
    this.#rate = new Rate(options.lingerMs)
  }

  /** Whether the relay sleeps with the lock, so that every writer notifies. */
  get expectsHints(): boolean {
    return this.#locked
  }

  /** A notification has told that writers are silent although this relay sleeps. */
  crowd(): void {
    this.#isCrowdTold = true
  }

  /**
   * Waits until it is time to look again.
   *
   * @param look the result of the last look.
   * @returns why it is time.
   */
  async next({ found, more, alarmAt, readAt }: LookedFor, now: () => number): Promise<WakeReason> {
    // Rows that came shortly before still count. A single row is no reason to ask the database, unless only the poll has
    // found it: its writer may have been silent in a crowd.
    const isSeries = found > 0 && (this.#isPolled || this.#rate.at(now()) > 0.1)
    const perSecond = this.#rate.add(found, now())
    if (found > 0) this.#pauseMs = 0
    const isTold = this.#isCrowdTold
    this.#isCrowdTold = false
    this.#isPolled = false
    const isStream = isTold || perSecond > streamAbove || (isSeries && (await this.#isCrowded(perSecond, now())))
    if (this.#asleep && isStream) await this.rise()
    else if (this.#asleep && !more) return this.#sleep(readAt + this.#options.pollMs, alarmAt, now)
    if (more) return found > 0 ? 'linger' : this.#pause(writerPauseMs)
    if (found > 0) return 'linger'
    if (perSecond > this.#calmBelow) return this.#pause(streamPauseMs)
    return this.#tryToSleep()
  }

  /** Whether writers wait for one another to notify this relay. Then no more rows can come while it sleeps. */
  async #isCrowded(perSecond: number, now: number): Promise<boolean> {
    if (!this.#locked || now < this.#askAt) return false
    this.#askAt = now + crowdAskMs
    if (!(await this.#lock.isCrowded())) return false
    this.#calmBelow = Math.min(calmBelow, perSecond / 2)
    return true
  }

  /** Sleeps. The relay keeps the lock while it looks, so a hint without a row costs one look. */
  async #sleep(pollAt: number, alarmAt: number, now: () => number): Promise<'hint' | 'poll' | 'alarm'> {
    const isHinted = await this.#hinted.wait(Math.max(1, Math.min(pollAt, alarmAt) - now()))
    // The peer with the lock may have released it, which it announces, or died, which nobody announces. So this relay
    // tries again.
    if (!this.#locked) this.#asleep = false
    if (isHinted) return 'hint'
    this.#isPolled = now() >= pollAt
    return this.#isPolled ? 'poll' : 'alarm'
  }

  async #pause(longestMs: number): Promise<'hint' | 'linger'> {
    this.#pauseMs = Math.min(longestMs, Math.max(2, this.#pauseMs * 2))
    return (await this.#hinted.wait(this.#pauseMs)) ? 'hint' : 'linger'
  }

  async #tryToSleep(): Promise<'hint' | 'linger' | 'checked'> {
    this.#locked = await this.#lock.tryLock()
    this.#asleep = this.#locked || !(await this.#lock.tryShare())
    if (this.#asleep) this.#calmBelow = calmBelow
    return this.#asleep ? 'checked' : this.#pause(writerPauseMs)
  }

  /** Wakes up: producers do not notify for a relay that is awake, or has stopped. */
  async rise(): Promise<void> {
    this.#asleep = false
    if (!this.#locked) return
    this.#locked = false
    await this.#lock.unlock()
  }
}

/** A decaying average of rows a second. */
class Rate {
  readonly #overMs: number
  #rows = 0
  #at = Number.NEGATIVE_INFINITY

  /** @param overMs the time constant, in milliseconds: after it a row counts 1/e. */
  constructor(overMs: number) {
    this.#overMs = Math.max(1, overMs)
  }

  /** Adds rows that have come now, and returns the rate. */
  add(rows: number, now: number): number {
    this.#rows = this.at(now) + rows
    this.#at = now
    return (this.#rows * 1_000) / this.#overMs
  }

  /** How many of the rows count now. */
  at(now: number): number {
    return this.#rows * Math.exp((this.#at - now) / this.#overMs)
  }
}

/** The result of a look, as far as the next one depends on it. */
export interface LookedFor {
  /** How many new rows it found. */
  readonly found: number
  /** Whether there is more to read, so that the next look comes soon. */
  readonly more: boolean
  /** When other work is due. */
  readonly alarmAt: number
  /** When new rows were last looked for. The slow poll counts from then. */
  readonly readAt: number
}

export interface WakeOptions {
  /** The time over which the rate of new rows is measured, in milliseconds. */
  readonly lingerMs: number
  /** The slow poll behind the notifications, in milliseconds. */
  readonly pollMs: number
}

/** The lock for sleeping. `outbox/wake-lock.ts` implements it in the database. */
export interface SleepLock {
  tryLock(): Promise<boolean>
  tryShare(): Promise<boolean>
  unlock(): Promise<void>
  /** Whether several writers wait for others to notify first. */
  isCrowded(): Promise<boolean>
}

/** For a schema without the trigger: nobody notifies, so no lock is needed, and only the poll remains. */
export const noSleepLock: SleepLock = {
  tryLock: async () => true,
  tryShare: async () => true,
  unlock: async () => {},
  isCrowded: async () => false,
}
