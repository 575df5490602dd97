import type { RunConfig } from '../config/config.ts'
import type { Sessions } from '../outbox/sessions.ts'
import { WakeLock } from '../outbox/wake-lock.ts'
import { AutoResetEvent } from './auto-reset-event.ts'
import { Doubt } from './doubt.ts'
import { noSleepLock, Wake } from './wake.ts'

/** How inserts reach the relay. */
export interface Listening {
  /** Callbacks were there and no notification had come: what listens may be deaf. */
  distrust(): void
}

/** What lives from connecting until the first connection fails. */
export class DatabaseLink {
  readonly sessions: Sessions
  readonly wake: Wake
  readonly listening: Listening | null
  readonly doubt = new Doubt()
  readonly renewSoon = new AutoResetEvent()
  #open = true
  #working = true

  constructor(sessions: Sessions, listening: Listening | null, { lingerMs, pollMs }: RunConfig) {
    this.sessions = sessions
    this.listening = listening
    this.wake = new Wake(listening ? new WakeLock(sessions.keep) : noSleepLock, { lingerMs, pollMs })
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** Open, and new work may start. */
  get isWorking(): boolean {
    return this.#open && this.#working
  }

  stopWork(): void {
    this.#working = false
    this.wake.hint()
    this.renewSoon.set()
  }

  end(): void {
    this.#open = false
    this.stopWork()
  }
}
