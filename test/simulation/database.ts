import type { CallbackStatus, OutcomeKind } from '../../src/model.ts'
import { epochMs } from './clocks.ts'
import type { Flaws } from './flaws.ts'
import { Locks } from './locks.ts'
import type { Timeline } from './timeline.ts'

/** A committed row of `outbox.callback`; times in milliseconds since 1970. */
export interface Row {
  readonly id: number
  readonly messageId: string
  readonly key: string | null
  readonly supersedeKey: string | null
  readonly maxAttempts: number | null
  readonly createdAt: number
  url: string
  origin: string
  form: string
  expiresAt: number | null
  status: CallbackStatus
  attempts: number
  budgetFrom: number
  rev: number
  dueAt: number | null
  claimedAt: number | null
  claimedEpoch: string | null
  settledAt: number | null
  lastError: string | null
  /** The attempt that settled it, if one did. */
  last: AttemptRecord | null
  /** The open transaction or the statement that has locked it. */
  lockedBy: object | null
}

export interface AttemptRecord {
  readonly callbackId: number
  readonly messageId: string
  readonly attempt: number
  readonly epoch: string
  readonly startedAt: number
  readonly finishedAt: number
  readonly outcome: OutcomeKind
  readonly httpStatus: number | null
}

/** A row of `outbox.relay` with its row of `outbox.pulse`. */
export interface RegistrationRecord {
  readonly epoch: string
  readonly node: string
  readonly process: string
  readonly name: string
  readonly leaseMs: number
  readonly pid: number
  readonly kernel: string
  readonly startedAtMs: number
  readonly forces: boolean
  /** The start of the server on which the registration was made. */
  readonly server: string
  /** Whether the relay's process still exists. */
  readonly isAlive: () => boolean
  renewals: number
  renewedAt: number
  serving: boolean
  digest: string
  wanted: string | null
  standby: string | null
  /** Statements that hold the registration FOR KEY SHARE. */
  readonly sharedBy: Set<object>
  /** The burial that has locked the pulse. */
  pulseLockedBy: object | null
}

/** A row of `outbox.janitor_run`; times in milliseconds since 1970, ages in milliseconds. */
export interface JanitorRecord {
  readonly id: number
  readonly keepDelivered: number | null
  readonly keepDead: number | null
  readonly deliveredBefore: number | null
  readonly deadBefore: number | null
  relay: string
  reachedAt: number
  reachedId: number
  deleted: number
  endedAt: number | null
  error: string | null
}

/** A callback as it was when the janitor deleted it. */
export interface DeletedRow extends Row {
  readonly deletedAt: number
}

/** Since when a URL is on hold, and whether URLs below it are free. */
export interface HoldRecord {
  readonly isExact: boolean
  readonly since: number
}

function keyOf({ callbackId, messageId, attempt, epoch }: AttemptRecord): string {
  return `${callbackId} ${messageId} ${attempt} ${epoch}`
}

/** Origin and rest of a URL, as the columns have them. A scheme alone covers every URL of that scheme. */
function placeOf(url: string): { readonly origin: string; readonly rest: string } {
  if (/^https?:\/\/$/i.test(url)) return { origin: url.toLowerCase().slice(0, -2), rest: '/' }
  const { protocol, hostname, port, pathname, search } = new URL(url)
  const host = hostname.replace(/\.$/, '')
  return { origin: `${protocol}//${host}${port === '' ? '' : `:${port}`}`, rest: pathname + search }
}

/** The value of the column `origin`. */
export function originOf(url: string): string {
  return placeOf(url).origin
}

/** The value of the column `rest` of a hold. */
export function restOf(url: string): string {
  return placeOf(url).rest
}

export function isSamePlace(one: string, other: string): boolean {
  const [a, b] = [placeOf(one), placeOf(other)]
  return a.origin === b.origin && a.rest === b.rest
}

function isUnder(url: string, prefix: string, isExact: boolean): boolean {
  const [{ origin, rest }, held] = [placeOf(url), placeOf(prefix)]
  if (held.origin !== origin && held.origin !== origin.slice(0, origin.indexOf('/'))) return false
  if (isExact || rest === held.rest) return rest === held.rest
  const ends = held.rest.endsWith('/') ? [held.rest] : [`${held.rest}/`, `${held.rest}?`]
  return ends.some(each => rest.startsWith(each))
}

/**
 * The time in the index of due rows, which is never before the insert. null: the row was never tried, and is due at
 * once.
 */
export function dueTimeOf({ dueAt, createdAt }: Pick<Row, 'dueAt' | 'createdAt'>): number | null {
  return dueAt === null ? null : Math.max(dueAt, createdAt)
}

export interface DatabaseOptions {
  readonly flaws: Flaws
  readonly isOneMachine: boolean
}

/** Committed rows, and locks. An open transaction keeps what it has written to itself. */
export class Database {
  readonly rows = new Map<number, Row>()
  /** `outbox.attempt_log`, by its primary key. */
  readonly #log = new Map<string, AttemptRecord>()
  readonly registrations = new Map<string, RegistrationRecord>()
  /** By prefix. */
  readonly holds = new Map<string, HoldRecord>()
  /** Sorted by id. */
  readonly janitorRuns: JanitorRecord[] = []
  /** Rows that the janitor has deleted. */
  readonly deleted: DeletedRow[] = []
  /** Attempts that it has deleted with them. */
  readonly deletedAttempts: AttemptRecord[] = []
  readonly locks = new Locks()
  readonly flaws: Flaws
  /** Whether all relays run on one machine, where each can see that another's process has ended. */
  readonly isOneMachine: boolean
  /** Transactions that have locked their row FOR UPDATE, which excludes even FOR KEY SHARE. */
  readonly forUpdate = new WeakSet<object>()
  /** Forbidden acts of statements, such as a claim after the burial. */
  readonly strays: string[] = []
  /** For the flaw `losesLateCommits`: the newest fresh row that was read. */
  readUpTo = 0
  /** For the flaw `losesLateCommits`: rows that were committed after a newer one was read. */
  readonly lost = new Set<number>()
  /**
   * How long a step of a sweep takes, in milliseconds. If it is long, relays sweep seldom and must find rows in other
   * ways.
   */
  sweepMs = 0
  /** How long the server works for a pull, as it says itself. It answers at once nevertheless. */
  pullMs = 0
  /** Whether a relay may become the janitor. */
  hasJanitor = true
  /**
   * Makes the janitor run more than once in a few seconds: each run seems to have ended `ago` milliseconds earlier, and
   * each batch seems to have taken `work` more.
   */
  janitorMs = { ago: 0, work: 0 }
  /** Notifies the relays. `from` is the session's process id; null: it is no relay's. */
  notify: (from: number | null, payload: string) => void = () => {}
  /** Ends sessions that claim under this registration. */
  endStuckClaims: (epoch: string) => void = () => {}
  readonly #timeline: Timeline
  #lastId = 0
  #starts = 1

  constructor(timeline: Timeline, { flaws, isOneMachine }: DatabaseOptions) {
    this.#timeline = timeline
    this.flaws = flaws
    this.isOneMachine = isOneMachine
  }

  /** clock_timestamp(), to the microsecond. */
  get now(): number {
    return epochMs + Math.round(this.#timeline.now * 1_000) / 1_000
  }

  /** pg_postmaster_start_time(). With it, a transaction sees whether the server has restarted since it began. */
  get server(): string {
    return `start ${this.#starts}`
  }

  /** Draws an id at INSERT. Transactions may commit in another order, or never. */
  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  /** Notes an id that PostgreSQL has drawn. */
  sawId(id: number): void {
    this.#lastId = Math.max(this.#lastId, id)
  }

  /** `last_value` of the sequence, which is 1 before the first id is drawn. */
  get lastValue(): number {
    return Math.max(1, this.#lastId)
  }

  /**
   * Restarts the server. Open transactions and locks are gone, and all registrations are void.
   *
   *
   * @param lostIds at most 32: so many ids a sequence writes to the WAL ahead.
   */
  restart(lostIds: number): void {
    this.#starts += 1
    this.#lastId += lostIds
    this.locks.clear()
    for (const row of this.rows.values()) row.lockedBy = null
    for (const each of this.registrations.values()) {
      each.sharedBy.clear()
      each.pulseLockedBy = null
    }
  }

  commit(row: Row): void {
    this.rows.set(row.id, row)
    if (this.flaws.losesLateCommits && row.id < this.readUpTo) this.lost.add(row.id)
  }

  /** An operator's UPDATE. As by the trigger, the attempt that a replay takes from the row goes into the log. */
  change(row: Row, values: Partial<Row>): void {
    if (values.last === null && row.last) this.log(row.last)
    Object.assign(row, values)
  }

  /**
   * A record's. Statements that have seen the row find it settled.
   *
   * @param withLog also deletes its attempts in the log.
   */
  delete(row: Row, withLog: boolean): void {
    Object.assign(row, { status: 'delivered', settledAt: this.now } satisfies Partial<Row>)
    this.rows.delete(row.id)
    if (withLog) for (const [key, { callbackId }] of this.#log) if (callbackId === row.id) this.#log.delete(key)
  }

  /** The janitor's. @param seen the attempts of its snapshot of the log. Only those are deleted with the row. */
  deleteOld(row: Row, seen: readonly AttemptRecord[]): void {
    this.rows.delete(row.id)
    this.deleted.push({ ...row, deletedAt: this.now })
    if (row.last) this.deletedAttempts.push(row.last)
    if (this.flaws.leavesAttempts) return
    for (const each of seen)
      if (each.callbackId === row.id && this.#log.delete(keyOf(each))) this.deletedAttempts.push(each)
  }

  /** ON CONFLICT DO NOTHING. */
  log(attempt: AttemptRecord): void {
    const key = keyOf(attempt)
    if (!this.#log.has(key)) this.#log.set(key, attempt)
  }

  /** `outbox.attempt_log`. */
  get attemptLog(): AttemptRecord[] {
    return [...this.#log.values()]
  }

  /** Primary keys of `outbox.attempt_log`. */
  get logged(): string[] {
    return [...this.#log.keys()].sort()
  }

  /** Attempts in the log whose callback is gone: nothing would ever delete them. */
  get unowned(): AttemptRecord[] {
    return this.attemptLog.filter(({ callbackId }) => !this.rows.has(callbackId))
  }

  /** `outbox.attempt`. */
  get attempts(): AttemptRecord[] {
    const all = new Map(this.#log)
    for (const { last } of this.rows.values()) if (last) all.set(keyOf(last), last)
    return [...all.values()]
  }

  /** Unsettled rows by id. */
  get unsettled(): Row[] {
    return [...this.rows.values()].filter(({ settledAt }) => settledAt === null).sort((a, b) => a.id - b.id)
  }

  get hasUnsettled(): boolean {
    for (const { settledAt } of this.rows.values()) if (settledAt === null) return true
    return false
  }

  /** Since when a row is on hold; null: it is not. @param holds default the present ones. */
  heldSince({ url }: Pick<Row, 'url'>, holds: ReadonlyMap<string, HoldRecord> = this.holds): number | null {
    let first: number | null = null
    for (const [prefix, { isExact, since }] of holds)
      if (isUnder(url, prefix, isExact)) first = Math.min(first ?? Infinity, since)
    return first
  }

  isHeld(row: Pick<Row, 'url'>): boolean {
    return this.heldSince(row) !== null
  }

  /** The first unsettled row of a key, other than the row `id`. */
  firstOf(key: string | null, id: number | null = null): Row | undefined {
    let first: Row | undefined
    if (key === null) return undefined
    for (const row of this.rows.values())
      if (row.key === key && row.id !== id && row.settledAt === null && row.id < (first?.id ?? Infinity)) first = row
    return first
  }

  /** The newest unsettled row that supersedes this one. */
  supersederOf({ id, key, supersedeKey }: Row): Row | undefined {
    let newest: Row | undefined
    if (supersedeKey === null) return undefined
    for (const row of this.rows.values())
      if (row.key === key && row.supersedeKey === supersedeKey && row.settledAt === null && row.id > (newest?.id ?? id))
        newest = row
    return newest
  }

  /** Whether no unsettled row of its key is before it. */
  isFirst({ id, key }: Row): boolean {
    const first = this.firstOf(key, id)
    return first === undefined || first.id > id
  }
}
