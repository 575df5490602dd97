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
  /** Its newest attempt, if that settled it. */
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
  /** The start of the server that it was made on. */
  readonly server: string
  /** Whether that process is there still. */
  readonly isAlive: () => boolean
  renewals: number
  renewedAt: number
  serving: boolean
  digest: string
  wanted: string | null
  standby: string | null
  /** Statements that hold it FOR KEY SHARE. */
  readonly sharedBy: Set<object>
  /** The burial that has locked its pulse. */
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

/** Whether that URL alone is on hold, and since when. */
export interface HoldRecord {
  readonly isExact: boolean
  readonly since: number
}

function keyOf({ callbackId, messageId, attempt, epoch }: AttemptRecord): string {
  return `${callbackId} ${messageId} ${attempt} ${epoch}`
}

/** As `new URL()` has it; a lone scheme is everything of that scheme. */
function placeOf(url: string): { readonly origin: string; readonly rest: string } {
  if (/^https?:\/\/$/i.test(url)) return { origin: url.toLowerCase().slice(0, -2), rest: '/' }
  const { protocol, hostname, port, pathname, search } = new URL(url)
  const host = hostname.replace(/\.$/, '')
  return { origin: `${protocol}//${host}${port === '' ? '' : `:${port}`}`, rest: pathname + search }
}

/** As the column `origin` has it. */
export function originOf(url: string): string {
  return placeOf(url).origin
}

/** As the column `rest` of a hold has it. */
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

/** When a row is due, as the index of due rows has it: never before it was written. Null: it was never tried, and is due at once. */
export function dueTimeOf({ dueAt, createdAt }: Pick<Row, 'dueAt' | 'createdAt'>): number | null {
  return dueAt === null ? null : Math.max(dueAt, createdAt)
}

export interface DatabaseOptions {
  readonly flaws: Flaws
  readonly isOneMachine: boolean
}

/** What has been committed, and who has locked what. Open transactions keep what they have written to themselves. */
export class Database {
  readonly rows = new Map<number, Row>()
  /** `outbox.attempt_log`, by its key. */
  readonly #log = new Map<string, AttemptRecord>()
  readonly registrations = new Map<string, RegistrationRecord>()
  /** By their prefix. */
  readonly holds = new Map<string, HoldRecord>()
  /** In the order of their ids. */
  readonly janitorRuns: JanitorRecord[] = []
  /** What the janitor has deleted, with its attempts. */
  readonly deleted: DeletedRow[] = []
  readonly deletedAttempts: AttemptRecord[] = []
  readonly locks = new Locks()
  readonly flaws: Flaws
  /** All relays run on one machine, so that each can know that another's process has ended. */
  readonly isOneMachine: boolean
  /** Transactions that have locked their row FOR UPDATE: not even FOR KEY SHARE gets it. */
  readonly forUpdate = new WeakSet<object>()
  /** What a statement did that none may do, for example a claim after the burial. */
  readonly strays: string[] = []
  /** For a flaw: the youngest fresh row that was read, and the rows that were committed too late for it. */
  readUpTo = 0
  readonly lost = new Set<number>()
  /** What a step of a sweep takes, in milliseconds: then relays sweep seldom, and what they hear by other ways must suffice. */
  sweepMs = 0
  /** A relay may become the janitor. */
  hasJanitor = true
  /**
   * What the janitor is told of its runs, so that it makes more than one in a few seconds: each ended so many milliseconds
   * earlier, and each batch has taken so many more.
   */
  janitorMs = { ago: 0, work: 0 }
  /** Tells the relays; `from` is the session's process id, null for another's. */
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

  /** pg_postmaster_start_time(). Also tells a transaction whether the server is still the one that it began on. */
  get server(): string {
    return `start ${this.#starts}`
  }

  /** Drawn at INSERT, by transactions that may commit in another order or never. */
  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  /** Drawn elsewhere. */
  sawId(id: number): void {
    this.#lastId = Math.max(this.#lastId, id)
  }

  /** Of the sequence, which says 1 before the first one is drawn. */
  get lastValue(): number {
    return Math.max(1, this.#lastId)
  }

  /**
   * The server is started anew: what was open is gone, all registrations are void, and ids that were drawn ahead are lost.
   *
   * @param lostIds at most 32, of which the sequence has told its log.
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

  /** An UPDATE of an operator. As the trigger has it, what a replay takes from the row goes into the log. */
  change(row: Row, values: Partial<Row>): void {
    if (values.last === null && row.last) this.log(row.last)
    Object.assign(row, values)
  }

  /** Statements that have seen it find it settled. @param withLog the log has something of it, perhaps. */
  delete(row: Row, withLog: boolean): void {
    Object.assign(row, { status: 'delivered', settledAt: this.now } satisfies Partial<Row>)
    this.rows.delete(row.id)
    if (withLog) for (const [key, { callbackId }] of this.#log) if (callbackId === row.id) this.#log.delete(key)
  }

  /** The janitor's. @param seen attempts in the log that its snapshot shows: those alone go with the row. */
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

  /** Keys of `outbox.attempt_log`. */
  get logged(): string[] {
    return [...this.#log.keys()].sort()
  }

  /** Attempts in the log of callbacks that are gone, which it would keep for ever. */
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

  /** Since when it is on hold; null: it is not. @param holds those of a snapshot. */
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

  /** The newest unsettled row that has come in its place. */
  supersederOf({ id, key, supersedeKey }: Row): Row | undefined {
    let newest: Row | undefined
    if (supersedeKey === null) return undefined
    for (const row of this.rows.values())
      if (row.key === key && row.supersedeKey === supersedeKey && row.settledAt === null && row.id > (newest?.id ?? id))
        newest = row
    return newest
  }

  /** No unsettled row of its key stands before it. */
  isFirst({ id, key }: Row): boolean {
    const first = this.firstOf(key, id)
    return first === undefined || first.id > id
  }
}
