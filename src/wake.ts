import { Bell } from './bell.ts'

/** The longest pause between two looks while rows keep coming, in milliseconds: what one of a steady stream waits at most. */
const lingerGapMs = 4

/** The same while only some writer's open transaction keeps the relay awake, for hours perhaps. */
const longestGapMs = 40

/** Why it is time to look: a notification; a short pause while awake; the lock was got, look once more; the slow poll. */
export type WakeReason = 'hint' | 'linger' | 'checked' | 'poll'

/**
 * When to look for new rows, without making producers pay for it.
 *
 * A producer's trigger notifies only when it cannot get a share of the advisory lock, that is when a relay holds it and
 * sleeps; its share is kept to the end of its transaction. So before it sleeps the relay
 * 1. lingers: it looks again at growing intervals while rows may still be coming, since a steady stream should neither
 *    notify nor let the relay sleep;
 * 2. tries the lock, never queueing (a queued request would make all producers notify behind one long writer).
 *    Got it: no silent writer is in flight. It looks once more, and sleeps until a look finds a row;
 * 3. did not get it, nor a share: a peer sleeps on it, and one sleeper is enough, since all relays listen. It sleeps too;
 * 4. did not get it, but a share: writers are in flight. It stays awake and looks again soon.
 * A notification is only a hint. A slow poll goes on behind it, and a row that only the poll has found means that the
 * listener is deaf.
 */
export class Wake {
  readonly #lock: SleepLock
  readonly #options: WakeOptions
  readonly #bell = new Bell()
  #asleep = false
  #locked = false
  #quietSince = Number.NEGATIVE_INFINITY
  #gapMs = 0

  constructor(lock: SleepLock, options: WakeOptions) {
    this.#lock = lock
    this.#options = options
  }

  /** A notification came, or something else says "look". */
  hint(): void {
    this.#bell.ring()
  }

  /**
   * Waits until it is time to look again.
   *
   * @param found whether the last look found a new row.
   * @returns why.
   */
  async next(found: boolean, now: () => number): Promise<WakeReason> {
    if (found) {
      this.#quietSince = now()
      this.#gapMs = 0
      await this.#rise()
      return 'linger'
    }
    if (this.#asleep) return this.#sleep()
    if (now() - this.#quietSince < this.#options.lingerMs) return this.#pause(lingerGapMs)
    return this.#tryToSleep()
  }

  /** Lets the lock go, so that producers need not notify a relay that has stopped. */
  async stop(): Promise<void> {
    await this.#rise()
  }

  /** It keeps the lock while it looks, so a hint without a row costs a look and no more: nothing to let go, nor to announce. */
  async #sleep(): Promise<'hint' | 'poll'> {
    const isHinted = await this.#bell.wait(this.#options.pollMs)
    // Whoever had the lock may have let it go, which is announced, or died, which is not: this one tries again.
    if (!this.#locked) this.#asleep = false
    return isHinted ? 'hint' : 'poll'
  }

  async #pause(longestMs: number): Promise<'hint' | 'linger'> {
    this.#gapMs = Math.min(longestMs, Math.max(2, this.#gapMs * 2))
    return (await this.#bell.wait(this.#gapMs)) ? 'hint' : 'linger'
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
    return this.#pause(longestGapMs)
  }

  async #rise(): Promise<void> {
    this.#asleep = false
    if (!this.#locked) return
    this.#locked = false
    await this.#lock.unlock()
  }
}

export interface WakeOptions {
  /** How long a relay stays awake after the last row, in milliseconds. */
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
