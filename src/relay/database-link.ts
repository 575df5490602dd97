import type { RunConfig } from '../config/config.ts'
import type { Sessions } from '../outbox/sessions.ts'
import { WakeLock } from '../outbox/wake-lock.ts'
import type { Agenda } from './agenda.ts'
import { ListenerDoubt } from './listener-doubt.ts'
import { noSleepLock, Wake } from './wake.ts'

/** The listener for notifications. */
export interface Listening {
  /** Called when rows were found without a notification: the listener may be deaf. */
  distrust(): void
}

/** The time from connecting until the first connection fails, and the parts that live for that time. */
export class DatabaseLink {
  readonly sessions: Sessions
  readonly wake: Wake
  readonly listening: Listening | null
  readonly doubt = new ListenerDoubt()
  readonly #ending = new AbortController()
  readonly #stopping = new AbortController()
  /** Aborted when nothing may use the sessions any more. */
  readonly ended: AbortSignal = this.#ending.signal
  /** Aborted when no new work may start. */
  readonly stopped: AbortSignal = this.#stopping.signal

  constructor(sessions: Sessions, listening: Listening | null, agenda: Agenda, { lingerMs, pollMs }: RunConfig) {
    this.sessions = sessions
    this.listening = listening
    this.wake = new Wake(listening ? new WakeLock(sessions.keep) : noSleepLock, { lingerMs, pollMs }, agenda.event)
    agenda.event.setBy(this.stopped)
  }

  stopWork(): void {
    this.#stopping.abort()
  }

  end(): void {
    this.#stopping.abort()
    this.#ending.abort()
  }
}
