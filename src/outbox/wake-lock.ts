import type { Session, Statement } from './session.ts'

const key = (schema: string) => `hashtextextended('ringback wake ${schema}', 0)`

/** Shared by writers that are silent although a relay sleeps, and by the one whose notification tells of them. */
const crowdKey = (schema: string) => `hashtextextended('ringback crowd ${schema}', 0)`

/** True if nobody shares the lock of the crowd. It is given back at once: while it is held, no writer can join the crowd. */
const isNoCrowd = (schema: string) =>
  `case when pg_try_advisory_lock(${crowdKey(schema)}) then pg_advisory_unlock(${crowdKey(schema)}) else false end`

/** The crowd is asked first: nobody joins it while no relay has the other lock. */
const tryLockStatement: Statement = {
  name: 'ringback_sleep',
  text: schema =>
    `select case when ${isNoCrowd(schema)} then pg_try_advisory_lock(${key(schema)}) else false end as got`,
}

const tryShareStatement: Statement = {
  name: 'ringback_share',
  text: schema =>
    `select case when pg_try_advisory_lock_shared(${key(schema)}) then pg_advisory_unlock_shared(${key(schema)}) else false end as got`,
}

/** The unlock notifies: peers that slept because this relay held the lock must now look for themselves. */
const unlockStatement: Statement = {
  name: 'ringback_wake',
  text: schema => `select pg_advisory_unlock(${key(schema)}) as got, ${schema}.notify('')`,
}

/**
 * From its COMMIT to the end of its flush, a transaction that notifies has PostgreSQL's lock of the queue of notifications,
 * a lock on "database 0" for the whole cluster (`PreCommit_Notify` in its commands/async.c). One that waits is usual.
 */
const crowdedStatement: Statement = {
  name: 'ringback_crowded',
  text: schema => `
    select count(*) > 1 or not ${isNoCrowd(schema)} as got
      from pg_locks
     where not granted and locktype = 'object' and database = 0 and classid = 'pg_database'::regclass and objid = 0`,
}

/** The advisory lock of the wake protocol (see `wake.ts`), held by one session. */
export class WakeLock {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  /** True: no silent writer is in flight, and from now on every writer notifies. Never waits. */
  tryLock(): Promise<boolean> {
    return this.#got(tryLockStatement)
  }

  /** True: no relay holds the lock. This session does not hold it afterwards either. */
  tryShare(): Promise<boolean> {
    return this.#got(tryShareStatement)
  }

  async unlock(): Promise<void> {
    await this.#got(unlockStatement)
  }

  /** True: several transactions wait until others have notified, or are silent because so many notify. Never waits itself. */
  isCrowded(): Promise<boolean> {
    return this.#got(crowdedStatement)
  }

  async #got(statement: Statement): Promise<boolean> {
    const rows = await this.#session.rows<{ got: boolean }>(statement)
    return rows[0]?.got === true
  }
}
