import type { Session, Statement } from './session.ts'

const key = (schema: string) => `hashtextextended('ringback wake ${schema}', 0)`

const tryLockStatement: Statement = {
  name: 'ringback_sleep',
  text: schema => `select pg_try_advisory_lock(${key(schema)}) as got`,
}

const tryShareStatement: Statement = {
  name: 'ringback_share',
  text: schema =>
    `select case when pg_try_advisory_lock_shared(${key(schema)}) then pg_advisory_unlock_shared(${key(schema)}) else false end as got`,
}

/** Letting go is announced: peers that slept because this relay held the lock must look for themselves from now on. */
const unlockStatement: Statement = {
  name: 'ringback_wake',
  text: schema => `select pg_advisory_unlock(${key(schema)}) as got, pg_notify('${schema}', '')`,
}

/** The advisory lock behind the wake protocol (see `wake.ts`), held by one session. */
export class WakeLock {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  /** True: no silent writer is in flight, and from now on every writer notifies. Never queues. */
  tryLock(): Promise<boolean> {
    return this.#got(tryLockStatement)
  }

  /** True: no relay holds the lock. Holds nothing afterwards. */
  tryShare(): Promise<boolean> {
    return this.#got(tryShareStatement)
  }

  async unlock(): Promise<void> {
    await this.#got(unlockStatement)
  }

  async #got(statement: Statement): Promise<boolean> {
    const rows = await this.#session.rows<{ got: boolean }>(statement)
    return rows[0]?.got === true
  }
}
