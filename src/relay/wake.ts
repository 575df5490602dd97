import { calmBelow, streamAbove, streamPauseMs, writerPauseMs } from '../policy/tuning.ts'
import type { AutoResetEvent } from './auto-reset-event.ts'

/** Why it is time to look: a notification; a short pause while awake; the lock was got, look once more; the slow poll; something is to be done at this time. */
export type WakeReason = 'hint' | 'linger' | 'checked' | 'poll' | 'alarm'

/**
 * When to look for new rows, without making producers pay for it.
 *
 * A producer's trigger notifies only when it cannot get a share of the advisory lock, that is when a relay holds it; its
 * share is kept to the end of its transaction. So there are two ways to live:
 * - asleep, with the lock: every writer notifies, the relay looks once for each notification and sleeps on. For rows that
 *   come one by one;
 * - awake, without: writers are silent, and the relay looks at short, growing intervals. For rows that come in a stream,
 *   whose writers would wait for one another to notify.
 * It wakes for good when rows become many. Before it sleeps again it
 * 1. waits until they have become few;
 * 2. tries the lock, never queueing (a queued request would make all producers notify behind one long writer).
 *    Got it: no silent writer is in flight. It looks once more, and sleeps;
 * 3. did not get it, nor a share: a peer sleeps on it, and one sleeper is enough, since all relays listen. It sleeps too;
 * 4. did not get it, but a share: writers are in flight. It stays awake and looks again soon.
 * A notification is only a hint. A slow poll goes on behind it, and rows that it finds again and again while every writer
 * notifies mean that the listener is deaf (`Doubt`).
 */
export class Wake {
  readonly #lock: SleepLock
  readonly #options: WakeOptions
  readonly #hinted: AutoResetEvent
  #asleep = false
  #locked = false
  readonly #rate: Rate
  #pauseMs = 0

  /** @param hinted is set when it is time to look: a notification came, or something else says so. */
  constructor(lock: SleepLock, options: WakeOptions, hinted: AutoResetEvent) {
    this.#lock = lock
    this.#hinted = hinted
    this.#options = options
    this.#rate = new Rate(options.lingerMs)
  }

  /** Asleep with the lock: whoever writes notifies. */
  get expectsHints(): boolean {
    return this.#asleep && this.#locked
  }

  /**
   * Waits until it is time to look again.
   *
   * @param look what the last one has brought.
   * @returns why.
   */
  async next({ found, more, alarmAt, readAt }: LookedFor, now: () => number): Promise<WakeReason> {
    const perSecond = this.#rate.add(found, now())
    if (found > 0) this.#pauseMs = 0
    if (this.#asleep && perSecond > streamAbove) await this.#rise()
    else if (this.#asleep && !more) return this.#sleep(readAt + this.#options.pollMs, alarmAt, now)
    if (more) return found > 0 ? 'linger' : this.#pause(writerPauseMs)
    if (found > 0) return 'linger'
    if (perSecond > calmBelow) return this.#pause(streamPauseMs)
    return this.#tryToSleep()
  }

  /** Lets the lock go, so that producers need not notify a relay that has stopped. */
  async stop(): Promise<void> {
    await this.#rise()
  }

  /** It keeps the lock while it looks, so a hint without a row costs a look and no more: nothing to let go, nor to announce. */
  async #sleep(pollAt: number, alarmAt: number, now: () => number): Promise<'hint' | 'poll' | 'alarm'> {
    const isHinted = await this.#hinted.wait(Math.max(1, Math.min(pollAt, alarmAt) - now()))
    // Whoever had the lock may have let it go, which is announced, or died, which is not: this one tries again.
    if (!this.#locked) this.#asleep = false
    if (isHinted) return 'hint'
    return now() >= pollAt ? 'poll' : 'alarm'
  }

  async #pause(longestMs: number): Promise<'hint' | 'linger'> {
    this.#pauseMs = Math.min(longestMs, Math.max(2, this.#pauseMs * 2))
    return (await this.#hinted.wait(this.#pauseMs)) ? 'hint' : 'linger'
  }

  async #tryToSleep(): Promise<'hint' | 'linger' | 'checked'> {
    if (await this.#lock.tryLock()) {
      this.#locked = true
      this.#asleep = true
      return 'checked'
    }
    if (!(await this.#lock.tryShare())) {
      this.#asleep = true
      return 'checked'
    }
    return this.#pause(writerPauseMs)
  }

  async #rise(): Promise<void> {
    this.#asleep = false
    if (!this.#locked) return
    this.#locked = false
    await this.#lock.unlock()
  }
}

/** Rows a second of late, older ones counting less and less. */
class Rate {
  readonly #overMs: number
  #rows = 0
  #at = Number.NEGATIVE_INFINITY

  /** @param overMs after this time a row counts a third, in milliseconds. */
  constructor(overMs: number) {
    this.#overMs = Math.max(1, overMs)
  }

  add(rows: number, now: number): number {
    this.#rows = this.#rows * Math.exp((this.#at - now) / this.#overMs) + rows
    this.#at = now
    return (this.#rows * 1_000) / this.#overMs
  }
}

/** What a look has brought, as far as the next one goes by it. */
export interface LookedFor {
  /** New rows. */
  readonly found: number
  /** It knows of others, and looks again soon by itself. */
  readonly more: boolean
  /** When something is to be done though nobody hints. */
  readonly alarmAt: number
  /** When new rows were looked for last: the slow poll counts from there. */
  readonly readAt: number
}

export interface WakeOptions {
  /** Over how long a time it is judged whether rows come in a stream, in milliseconds. */
  readonly lingerMs: number
  /** The slow poll behind the notifications, in milliseconds. */
  readonly pollMs: number
}

/** The lock that sleeping needs; `outbox/wake-lock.ts` has it in the database. */
export interface SleepLock {
  tryLock(): Promise<boolean>
  tryShare(): Promise<boolean>
  unlock(): Promise<void>
}

/** For a schema without the trigger: nobody notifies, so there is nothing to agree upon; only the poll remains. */
export const noSleepLock: SleepLock = { tryLock: async () => true, tryShare: async () => true, unlock: async () => {} }
