import assert from 'node:assert/strict'
import type { Test } from 'tap'
import type { Session, Statement } from '../../../src/outbox/session.ts'
import { Stage } from '../../fixtures/stage.ts'
import { epochMs } from '../clocks.ts'
import { type AttemptRecord, Database, type JanitorRecord, type RegistrationRecord, type Row } from '../database.ts'
import type { Flaws } from '../flaws.ts'
import { statements } from '../statements/all.ts'
import type { Backend } from '../statements/statement.ts'
import type { Timeline } from '../timeline.ts'

/** How much times may differ, in milliseconds, since both are asked one after the other. */
const toleranceMs = 20_000

/** Names of times in milliseconds, in answers and in rows. */
const times = new Set([
  'claimedMsAgo',
  'deliveredMsAgo',
  'expiredMs',
  'expiresInMs',
  'nextInMs',
  'databaseMs',
  'dueAt',
  'expiresAt',
  'claimedAt',
  'settledAt',
  'createdAt',
  'startedAt',
  'finishedAt',
  'endedAt',
  'endedMsAgo',
  'busyMs',
  'workMs',
  'deliveredBefore',
  'deadBefore',
])

/** Names of times in microseconds. */
const timesUs = new Set(['dueUs', 'nowUs', 'settledUs'])

interface Opened {
  readonly stage: Stage
  readonly begin: (flaws?: Flaws) => Promise<Twins>
}

/** PostgreSQL and the model of it. Both get the same statements, one after the other. */
export class Twins {
  readonly stage: Stage
  readonly #clock = { now: 0 }
  readonly #sessions: readonly Session[]
  readonly #models: readonly Session[]
  readonly db: Database

  /**
   * @param relays how many relays there are, each with a session of its own in both.
   * @returns `begin`, which empties the database for a new world.
   */
  static async open(t: Pick<Test, 'teardown'>, relays: number): Promise<Opened> {
    const stage = await Stage.withSession(t)
    const sessions = await Promise.all(Array.from({ length: relays }, () => stage.another()))
    for (const session of sessions) await session.run(`set time zone 'UTC'`)
    const begin = async (flaws: Flaws = {}): Promise<Twins> => {
      await stage.query(
        'truncate outbox.callback, outbox.attempt_log, outbox.hold, outbox.janitor_run, outbox.relay, outbox.pulse restart identity cascade',
      )
      for (const session of sessions) await session.run('select pg_advisory_unlock_all()')
      return new Twins(stage, sessions, flaws)
    }
    return { stage, begin }
  }

  private constructor(stage: Stage, sessions: readonly Session[], flaws: Flaws) {
    this.stage = stage
    this.db = new Database(this.#clock as Timeline, { flaws, isOneMachine: true })
    this.#sessions = sessions
    const isAlive = () => true
    this.#models = sessions.map(({ pid }, n) =>
      modelSession(this.db, { name: `relay ${n}`, pid, isAlive, hasBegun: () => false, epoch: null }),
    )
  }

  /** Moves the model's clock, which must not be behind the times that PostgreSQL has stored. */
  tick(): void {
    this.#clock.now = Date.now() + 1 - epochMs
  }

  /**
   * Asks both.
   *
   * @returns PostgreSQL's answer.
   * @throws {assert.AssertionError} when the model's answer differs.
   */
  async ask<T>(relay: number, what: string, call: (session: Session) => Promise<T>): Promise<T> {
    const [session, model] = [this.#sessions[relay], this.#models[relay]]
    assert.ok(session && model, `there is no relay ${relay}`)
    this.tick()
    const real = await call(session)
    assertAlike(await call(model), real, what)
    return real
  }

  /**
   * Compares everything that both have stored. Then copies PostgreSQL's times to the model, since the order of rows
   * depends on them.
   */
  async compare(): Promise<void> {
    const shown = await stored(this.stage)
    assertAlike(storedInModel(this.db), shown, 'stored')
    for (const { id, dueAt, expiresAt, claimedAt, settledAt } of shown.callbacks)
      Object.assign(this.db.rows.get(id) ?? {}, { dueAt, expiresAt, claimedAt, settledAt })
    for (const [n, run] of shown.janitorRuns.entries()) this.db.janitorRuns[n] = run
  }
}

/**
 * The model as a session for the functions of `src/outbox`. It has no other session, so each statement runs to its end.
 */
function modelSession(db: Database, backend: Backend): Session {
  const rows = async ({ name }: Statement, values: readonly unknown[] = []): Promise<unknown[]> => {
    const statement = statements[name]
    if (!statement) throw new Error(`The model does not know the statement ${name}`)
    const answer = statement(db, values, backend)
    for (;;) {
      const { done, value } = answer.next()
      if (done) return [...value]
      if (value === 'wait') throw new Error(`${name} waits for a lock that nobody can release`)
    }
  }
  return { rows, pid: backend.pid } as unknown as Session
}

function assertAlike(model: unknown, real: unknown, path: string): void {
  if (typeof model === 'number' && typeof real === 'number') {
    const isNear = model === real || Math.abs(model - real) < toleranceOf(path.split('.').at(-1) ?? '')
    assert.ok(isNear, `${path}: ${model}, PostgreSQL says ${real}`)
  } else if (Array.isArray(model) && Array.isArray(real)) {
    assert.equal(model.length, real.length, `${path}: ${shown(model)}, PostgreSQL says ${shown(real)}`)
    for (const [n, each] of model.entries()) assertAlike(each, real[n], `${path}[${n}]`)
  } else if (isRecord(model) && isRecord(real)) {
    for (const name of new Set([...Object.keys(model), ...Object.keys(real)]))
      assertAlike(model[name], real[name], `${path}.${name}`)
  } else {
    assert.equal(model, real, `${path}: ${shown(model)}, PostgreSQL says ${shown(real)}`)
  }
}

function toleranceOf(name: string): number {
  return times.has(name) ? toleranceMs : timesUs.has(name) ? toleranceMs * 1_000 : 0
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing'
}

type StoredRow = Omit<Row, 'lockedBy' | 'createdAt' | 'last'>

type StoredRegistration = Omit<RegistrationRecord, 'server' | 'isAlive' | 'sharedBy' | 'pulseLockedBy' | 'renewedAt'>

interface Stored {
  readonly callbacks: readonly StoredRow[]
  readonly attempts: readonly AttemptRecord[]
  readonly logged: readonly string[]
  readonly registrations: readonly StoredRegistration[]
  readonly holds: readonly string[]
  readonly janitorRuns: readonly JanitorRecord[]
}

const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`

/** The columns of a row, under the model's names. */
export const rowColumns = `
  id::integer, message_id as "messageId", ordering_key as key, supersede_key as "supersedeKey", max_attempts as "maxAttempts", url, origin, form::text,
  ${ms('created_at')} as "createdAt", ${ms('expires_at')} as "expiresAt", status, attempts, budget_from as "budgetFrom", rev::integer,
  ${ms('due_at')} as "dueAt", ${ms('claimed_at')} as "claimedAt", claimed_epoch::text as "claimedEpoch",
  ${ms('settled_at')} as "settledAt", last_error as "lastError"`

/** Everything that PostgreSQL has stored and that is compared. */
async function stored(stage: Stage): Promise<Stored> {
  const callbacks = await stage.query<Row>(`select ${rowColumns} from outbox.callback order by id`)
  const attempts = await stage.query<AttemptRecord>(`
    select callback_id::integer as "callbackId", message_id as "messageId", attempt, epoch::text, ${ms('started_at')} as "startedAt",
           ${ms('finished_at')} as "finishedAt", outcome, http_status as "httpStatus"
      from outbox.attempt order by callback_id, attempt, outbox.attempt.epoch`)
  const log = await stage.query<{ key: string }>(
    `select concat_ws(' ', callback_id, message_id, attempt, epoch) as key from outbox.attempt_log`,
  )
  const registrations = await stage.query<StoredRegistration>(`
    select r.epoch::text, node, process, name, ${ms('lease')} as "leaseMs", pid, kernel, ${ms('started_at')} as "startedAtMs",
           renewals::integer, serving, forces, digest, wanted, standby
      from outbox.relay r join outbox.pulse p on p.epoch = r.epoch order by r.epoch`)
  const holds = await stage.query<{ prefix: string }>(
    `select url_prefix || case when exact then ' exact' else '' end as prefix from outbox.hold`,
  )
  const janitorRuns = await stage.query<JanitorRecord>(`
    select id::integer, relay, ${ms('keep_delivered')} as "keepDelivered", ${ms('keep_dead')} as "keepDead",
           ${ms('delivered_before')} as "deliveredBefore", ${ms('dead_before')} as "deadBefore", ${ms('reached_at')} as "reachedAt",
           reached_id::integer as "reachedId", deleted::integer, ${ms('ended_at')} as "endedAt", error
      from outbox.janitor_run order by id`)
  return {
    janitorRuns,
    callbacks: callbacks.map(storedRow),
    attempts,
    logged: log.map(({ key }) => key).sort(),
    registrations,
    holds: holds.map(({ prefix }) => prefix).sort(),
  }
}

function storedInModel(db: Database): Stored {
  const { attempts, logged, janitorRuns } = db
  return {
    janitorRuns,
    callbacks: [...db.rows.values()].sort((a, b) => a.id - b.id).map(storedRow),
    attempts: attempts.sort(
      (a, b) => a.callbackId - b.callbackId || a.attempt - b.attempt || Number(a.epoch) - Number(b.epoch),
    ),
    logged,
    registrations: [...db.registrations.values()]
      .sort((a, b) => Number(a.epoch) - Number(b.epoch))
      .map(storedRegistration),
    holds: [...db.holds].map(([prefix, { isExact }]) => prefix + (isExact ? ' exact' : '')).sort(),
  }
}

function storedRow(row: Row): StoredRow {
  const { lockedBy, createdAt, last, ...rest } = row
  return rest
}

function storedRegistration(registration: RegistrationRecord): StoredRegistration {
  const { server, isAlive, sharedBy, pulseLockedBy, renewedAt, ...rest } = registration
  return rest
}
