import type { CallbackStatus, OutcomeKind } from '../../src/model.ts'
import { epochMs } from './clocks.ts'
import type { Flaws } from './flaws.ts'
import { Locks } from './locks.ts'
import type { Timeline } from './timeline.ts'

/** A committed row of `outbox.callback`; times in milliseconds since 1970, Infinity for parked. */
export interface Row {
  readonly id: number
  readonly messageId: string
  readonly key: string | null
  readonly lane: number
  readonly maxAttempts: number | null
  readonly createdAt: number
  url: string
  origin: string
  form: string
  expiresAt: number | null
  status: CallbackStatus
  attempts: number
  budgetFrom: number
  dueAt: number | null
  claimedAt: number | null
  claimedEpoch: number | null
  settledAt: number | null
  lastError: string | null
  /** Its newest attempt, if that settled it. */
  last: AttemptRecord | null
  /** The open transaction that has locked it. */
  lockedBy: object | null
}

export interface AttemptRecord {
  readonly callbackId: number
  readonly messageId: string
  readonly attempt: number
  readonly epoch: number
  readonly startedAt: number
  readonly finishedAt: number
  readonly outcome: OutcomeKind
  readonly httpStatus: number | null
}

export interface Lane {
  epoch: number
  owner: string | null
  /** Statements that hold it FOR KEY SHARE. */
  readonly sharedBy: Set<object>
}

export interface RelayRecord {
  readonly incarnation: string
  readonly leaseMs: number
  readonly pid: number
  readonly kernel: string
  /** Whether that process is there still. */
  readonly isAlive: () => boolean
  renewals: number
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

/** What has been committed, and who has locked what. Open transactions keep what they have written to themselves. */
export class Database {
  readonly rows = new Map<number, Row>()
  /** `outbox.attempt_log`, by its key. */
  readonly #log = new Map<string, AttemptRecord>()
  readonly lanes: Lane[] = Array.from({ length: 64 }, () => ({ epoch: 0, owner: null, sharedBy: new Set<object>() }))
  readonly relays = new Map<string, RelayRecord>()
  /** What is on hold, and whether that URL alone is. */
  readonly holds = new Map<string, { readonly isExact: boolean }>()
  readonly locks = new Locks()
  readonly flaws: Flaws
  /** All relays run on one machine, so that each can know that another's process has ended. */
  readonly isOneMachine: boolean
  /** For a flaw: the youngest fresh row that was read, and the rows that were committed too late for it. */
  readUpTo = 0
  readonly lost = new Set<number>()
  /** Tells the relays; `from` is the session's process id, null for another's. */
  notify: (from: number | null) => void = () => {}
  /** Ends claims that have been in their transaction for two seconds. */
  endStuckClaims: () => void = () => {}
  readonly #timeline: Timeline
  #lastId = 0
  #lastIncarnation = 0

  constructor(timeline: Timeline, { flaws, isOneMachine }: { readonly flaws: Flaws; readonly isOneMachine: boolean }) {
    this.#timeline = timeline
    this.flaws = flaws
    this.isOneMachine = isOneMachine
  }

  /** clock_timestamp(), to the microsecond. */
  get now(): number {
    return epochMs + Math.round(this.#timeline.now * 1_000) / 1_000
  }

  /** Drawn at INSERT, by transactions that may commit in another order or never. */
  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  nextIncarnation(): string {
    this.#lastIncarnation += 1
    return `incarnation ${this.#lastIncarnation}`
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

  /** ON CONFLICT DO NOTHING. */
  log(attempt: AttemptRecord): void {
    const key = keyOf(attempt)
    if (!this.#log.has(key)) this.#log.set(key, attempt)
  }

  /** Keys of `outbox.attempt_log`. */
  get logged(): string[] {
    return [...this.#log.keys()].sort()
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

  isHeld(row: Row): boolean {
    return [...this.holds].some(([prefix, { isExact }]) => isUnder(row.url, prefix, isExact))
  }

  /** The first unsettled row of its key before it. */
  blockerOf({ id, key }: Row): Row | undefined {
    let first: Row | undefined
    if (key === null) return undefined
    for (const row of this.rows.values())
      if (row.key === key && row.id < id && row.settledAt === null && row.id < (first?.id ?? Infinity)) first = row
    return first
  }
}
